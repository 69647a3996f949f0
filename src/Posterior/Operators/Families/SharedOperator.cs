using Posterior.Imaging;
using Posterior.Torch;

namespace Posterior.Operators;

/// <summary>The same operator for every image of a batch: any linear operator, whatever its measurements look like.</summary>
/// <param name="h">The operator; it stays the caller's.</param>
/// <param name="count">The number of images.</param>
public sealed class SharedOperator(LinearOperator h, long count) : OperatorBatch
{
    /// <inheritdoc/>
    public override long Count => count;

    /// <inheritdoc/>
    public override ImageShape InputShape => h.InputShape;

    /// <inheritdoc/>
    public override long Rows { get; } = h.OutputShape.Aggregate(1L, (product, size) => product * size);

    private protected override Tensor ApplyStack(Tensor x) =>
        h.Apply(x.Reshape(InputShape.Batch(count * x.Size(1)))).Reshape(count, x.Size(1), Rows);

    private protected override Tensor AdjointStack(Tensor y) => Images(h.Adjoint(Measurements(y)), y.Size(1));

    private protected override Tensor PseudoInverseStack(Tensor y) => Images(h.PseudoInverse(Measurements(y)), y.Size(1));

    private Tensor Measurements(Tensor y) => y.Reshape([count * y.Size(1), .. h.OutputShape]);

    private Tensor Images(Tensor x, long stack) => x.Reshape(count, stack, InputShape.Channels, InputShape.Height, InputShape.Width);
}
