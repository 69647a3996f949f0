using Posterior.Imaging;
using Posterior.Operators;
using Posterior.Torch;

namespace Posterior.Tests.Documentation;

/// <summary>Light falls off towards the corners: <c>y = w * x</c>. Coordinates are the pixels, <c>U = V = I</c>, <c>s = w</c>.</summary>
public sealed class Vignetting : StructuredOperator
{
    /// <summary>Darkens the corners.</summary>
    /// <param name="shape">The shape of images.</param>
    /// <param name="strength">What the corner loses, from 0 to below 1.</param>
    /// <param name="name">The text form.</param>
    /// <exception cref="OperatorException">The strength is out of range.</exception>
    public Vignetting(ImageShape shape, double strength, string name = "vignette")
        : base(name, shape, shape.Channels, shape.Height, shape.Width)
    {
        if (!(strength is >= 0 and < 1)) throw new OperatorException($"operator '{name}': the strength must be from 0 to below 1, found {strength}");
        using var scope = new Scope();
        var rows = Tensor.Linspace(-1, 1, shape.Height, DType.Float64).Reshape(1, 1, -1, 1);
        var columns = Tensor.Linspace(-1, 1, shape.Width, DType.Float64).Reshape(1, 1, 1, -1);
        SetSingularValues(1 - (rows.Square() + columns.Square()) * (strength / 2));
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
        return y.Clone();
    }

    /// <inheritdoc/>
    public override Tensor U(Tensor c) => c.Clone();
}
