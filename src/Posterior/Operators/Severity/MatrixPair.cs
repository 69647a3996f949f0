using Posterior.Imaging;
using Posterior.Torch;

namespace Posterior.Operators;

/// <summary>A separable map on each channel, <c>A_v X A_h^T</c>, without a decomposition: cheap to make, for operators that change at every step.</summary>
internal sealed class MatrixPair : LinearOperator
{
    private readonly Constant _v, _h;

    /// <summary>Takes over two square matrices.</summary>
    /// <param name="shape">The shape of images.</param>
    /// <param name="vertical"><c>[H, H]</c>.</param>
    /// <param name="horizontal"><c>[W, W]</c>.</param>
    /// <param name="name">The text form.</param>
    public MatrixPair(ImageShape shape, Tensor vertical, Tensor horizontal, string name) => (InputShape, Name, _v, _h) = (shape, name, new(vertical), new(horizontal));

    public override ImageShape InputShape { get; }

    public override IReadOnlyList<long> OutputShape => [InputShape.Channels, InputShape.Height, InputShape.Width];

    public override string Name { get; }

    public override Tensor Apply(Tensor x)
    {
        CheckImages(x);
        using var scope = new Scope();
        return scope.Keep(_v.For(x).MatMul(x).MatMul(_h.For(x).Transpose(0, 1)));
    }

    public override Tensor Adjoint(Tensor y)
    {
        CheckMeasurements(y);
        using var scope = new Scope();
        return scope.Keep(_v.For(y).Transpose(0, 1).MatMul(y).MatMul(_h.For(y)));
    }

    public override void Dispose()
    {
        _v.Dispose();
        _h.Dispose();
        base.Dispose();
    }
}
