using Posterior.Imaging;
using Posterior.Torch;

namespace Posterior.Operators;

/// <summary>Some pixels are known, the others are missing: <c>y = mask * x</c>, a zero-filled image. Coordinates are the pixels.</summary>
public sealed class Inpainting : StructuredOperator
{
    private readonly Constant _mask;

    /// <summary>Keeps the pixels where a mask is 1.</summary>
    /// <param name="shape">The shape of images.</param>
    /// <param name="mask"><c>[H, W]</c> for all channels alike, or <c>[C, H, W]</c>: 1 is known, 0 is missing. It is copied.</param>
    /// <param name="name">The text form.</param>
    /// <exception cref="OperatorException">The mask has another size, or values other than 0 and 1.</exception>
    public Inpainting(ImageShape shape, Tensor mask, string name = "inpaint")
        : base(name, shape, shape.Channels, shape.Height, shape.Width)
    {
        using var scope = new Scope();
        if (!mask.Shape.SequenceEqual([shape.Height, shape.Width]) && !mask.Shape.SequenceEqual([shape.Channels, shape.Height, shape.Width]))
        {
            throw new OperatorException(
                $"operator '{name}': the mask must be as large as the image, {shape.Height} rows x {shape.Width} columns, found {string.Join(" x ", mask.Shape.ToArray())}");
        }

        var values = mask.To(Device.Cpu).To(DType.Float64).Clone();
        if (!values.Equal(0).Or(values.Equal(1)).All()) throw new OperatorException($"operator '{name}': a mask holds 0 (missing) and 1 (known) only");
        var planes = mask.Rank == 2 ? 1 : shape.Channels;
        _mask = Own(values.Reshape(1, planes, shape.Height, shape.Width));
        SetSingularValues(_mask.Exact.Clone());
    }

    /// <summary>1 where known, 0 where missing, <c>[1, 1 or C, H, W]</c>; owned by the operator.</summary>
    public Tensor Mask => _mask.In(DType, Device);

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
        return y * _mask.For(y);
    }

    /// <inheritdoc/>
    public override Tensor U(Tensor c) => c * _mask.For(c);

    /// <inheritdoc/>
    public override Tensor Apply(Tensor x) => UT(x);

    /// <inheritdoc/>
    public override Tensor Adjoint(Tensor y) => UT(y);

    /// <inheritdoc/>
    public override Tensor PseudoInverse(Tensor y) => UT(y);

    /// <inheritdoc/>
    /// <remarks>Known pixels are copied, so they come back bit for bit.</remarks>
    public override Tensor Project(Tensor x, Tensor y)
    {
        CheckImages(x);
        CheckMeasurements(y);
        using var scope = new Scope();
        return scope.Keep(_mask.For(x).Greater(0).Where(y, x));
    }
}
