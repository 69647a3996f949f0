using Posterior.Imaging;
using Posterior.Torch;

namespace Posterior.Operators;

/// <summary>Every pixel is weighted, all channels alike: <c>y = w * x</c>. Inpainting with a soft mask; U and V are the identity, the weights are the singular values (Fabian et al. 2024, App. J.2).</summary>
public sealed class PixelWeights : StructuredOperator
{
    private readonly Constant _observed;

    /// <summary>Weights pixels.</summary>
    /// <param name="shape">The shape of images.</param>
    /// <param name="weights"><c>[H, W]</c>, not negative. They are copied.</param>
    /// <param name="name">The text form.</param>
    /// <exception cref="OperatorException">The weights have another size, or one is negative or not finite.</exception>
    public PixelWeights(ImageShape shape, Tensor weights, string name = "weights")
        : base(name, shape, shape.Channels, shape.Height, shape.Width)
    {
        using var scope = new Scope();
        if (!weights.Shape.SequenceEqual([shape.Height, shape.Width]))
            throw new OperatorException($"operator '{name}': the weights must be as large as the image, {shape.Height} rows x {shape.Width} columns, found {string.Join(" x ", weights.Shape.ToArray())}");
        var values = weights.To(Device.Cpu).To(DType.Float64).Clone();
        if (!values.GreaterOrEqual(0).And(values.IsFinite()).All()) throw new OperatorException($"operator '{name}': weights must be finite and not negative");
        values = values.Reshape(1, 1, shape.Height, shape.Width);
        _observed = Own(values.Greater(0).To(DType.Float64));
        SetSingularValues(values);
    }

    /// <inheritdoc/>
    public override Tensor VT(Tensor x)
    {
        CheckImages(x);
        return x.Clone();
    }

    /// <inheritdoc/>
    public override Tensor V(Tensor c) => c.Clone();

    /// <inheritdoc/>
    public override Tensor UT(Tensor y)
    {
        CheckMeasurements(y);
        return y * _observed.For(y);
    }

    /// <inheritdoc/>
    public override Tensor U(Tensor c) => c * _observed.For(c);

    /// <inheritdoc/>
    public override Tensor Apply(Tensor x)
    {
        CheckImages(x);
        return x * Spectrum.For(x);
    }

    /// <inheritdoc/>
    public override Tensor Adjoint(Tensor y)
    {
        CheckMeasurements(y);
        return y * Spectrum.For(y);
    }
}
