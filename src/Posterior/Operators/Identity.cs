using Posterior.Imaging;
using Posterior.Torch;

namespace Posterior.Operators;

/// <summary>The image itself, <c>H = I</c>: with noise, the denoising problem.</summary>
public sealed class Identity : StructuredOperator
{
    /// <summary>The identity on images of one shape.</summary>
    /// <param name="shape">Any shape.</param>
    public Identity(ImageShape shape)
        : base("denoise", shape, shape.Channels, shape.Height, shape.Width) => SetSingularValues(Tensor.Ones([1, 1, 1, 1], DType.Float64));

    /// <inheritdoc/>
    public override Tensor VT(Tensor x)
    {
        CheckImages(x);
        return x.Clone();
    }

    /// <inheritdoc/>
    public override Tensor V(Tensor c) => c.Clone();

    /// <inheritdoc/>
    public override Tensor UT(Tensor y) => VT(y);

    /// <inheritdoc/>
    public override Tensor U(Tensor c) => c.Clone();

    /// <inheritdoc/>
    public override Tensor Apply(Tensor x) => VT(x);

    /// <inheritdoc/>
    public override Tensor Adjoint(Tensor y) => VT(y);

    /// <inheritdoc/>
    public override Tensor PseudoInverse(Tensor y) => VT(y);

    /// <inheritdoc/>
    public override Tensor Project(Tensor x, Tensor y)
    {
        CheckImages(x);
        return VT(y);
    }
}
