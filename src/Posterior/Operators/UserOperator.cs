using Posterior.Imaging;
using Posterior.Torch;

namespace Posterior.Operators;

/// <summary>
/// Any linear map that a user can apply, with its adjoint; the pseudo-inverse comes from conjugate gradients. Check the pair with
/// <see cref="AdjointTest"/>.
/// </summary>
/// <param name="shape">The shape of images.</param>
/// <param name="outputShape">The shape of measurements, without the batch.</param>
/// <param name="apply"><c>H x</c>: <c>[N, C, H, W]</c> to <c>[N, outputShape]</c>, linear, each image on its own.</param>
/// <param name="adjoint"><c>H^T y</c>: the other way.</param>
/// <param name="name">A name for messages.</param>
public sealed class UserOperator(
    ImageShape shape, IReadOnlyList<long> outputShape, Func<Tensor, Tensor> apply, Func<Tensor, Tensor> adjoint, string name = "user") : LinearOperator
{
    /// <inheritdoc/>
    public override ImageShape InputShape => shape;

    /// <inheritdoc/>
    public override IReadOnlyList<long> OutputShape => outputShape;

    /// <inheritdoc/>
    public override string Name => name;

    /// <inheritdoc/>
    /// <exception cref="OperatorException">The images, or what the map made of them, have another shape than stated.</exception>
    public override Tensor Apply(Tensor x)
    {
        CheckImages(x);
        var y = apply(x);
        CheckMeasurements(y);
        return y;
    }

    /// <inheritdoc/>
    /// <exception cref="OperatorException">The measurements, or what the map made of them, have another shape than stated.</exception>
    public override Tensor Adjoint(Tensor y)
    {
        CheckMeasurements(y);
        var x = adjoint(y);
        CheckImages(x);
        return x;
    }
}
