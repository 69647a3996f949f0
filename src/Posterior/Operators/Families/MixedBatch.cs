using Posterior.Imaging;
using Posterior.Torch;
using Posterior.Torch.Nn;

namespace Posterior.Operators;

/// <summary>A batch of operators of several kinds: each kind calculates its images together, shorter measurements are padded with zeros.</summary>
internal sealed class MixedBatch : OperatorBatch
{
    private readonly (OperatorBatch Batch, Tensor Indices)[] _parts;
    private readonly Tensor _order;

    /// <summary>Takes over batches.</summary>
    /// <param name="parts">Batches with the positions of their images.</param>
    public MixedBatch((OperatorBatch Batch, long[] Indices)[] parts)
    {
        _parts = [.. parts.Select(part => (part.Batch, Tensor.From(part.Indices, part.Indices.Length).Own()))];
        Rows = parts.Max(part => part.Batch.Rows);
        long[] all = [.. parts.SelectMany(part => part.Indices)];
        Count = all.Length;
        var order = new long[all.Length];
        for (var i = 0; i < all.Length; i++) order[all[i]] = i;
        _order = Tensor.From(order, order.Length).Own();
    }

    /// <inheritdoc/>
    public override long Count { get; }

    /// <inheritdoc/>
    public override ImageShape InputShape => _parts[0].Batch.InputShape;

    /// <inheritdoc/>
    public override long Rows { get; }

    /// <inheritdoc/>
    public override void Dispose()
    {
        foreach (var (batch, indices) in _parts)
        {
            batch.Dispose();
            indices.Dispose();
        }
        _order.Dispose();
        base.Dispose();
    }

    internal override Tensor Through(Tensor x, GatedMixture mixture)
    {
        using var scope = new Scope();
        return scope.Keep(Tensor.Cat([.. _parts.Select(Part)]).IndexSelect(0, _order.To(x.Device)));

        Tensor Part((OperatorBatch Batch, Tensor Indices) part)
        {
            var images = part.Indices.To(x.Device);
            return part.Batch.Through(x.IndexSelect(0, images), mixture with
            {
                Y = mixture.Y.IndexSelect(0, images).Narrow(1, 0, part.Batch.Rows),
                Factor = mixture.Factor?.IndexSelect(0, images),
            });
        }
    }

    private protected override Tensor ApplyStack(Tensor x) => Together(x, (batch, images) => batch.Apply(images).Pad([0, Rows - batch.Rows]));

    private protected override Tensor AdjointStack(Tensor y) => Together(y, (batch, rows) => batch.Adjoint(rows.Narrow(2, 0, batch.Rows)));

    private protected override Tensor PseudoInverseStack(Tensor y) => Together(y, (batch, rows) => batch.PseudoInverse(rows.Narrow(2, 0, batch.Rows)));

    private Tensor Together(Tensor x, Func<OperatorBatch, Tensor, Tensor> map) =>
        Tensor.Cat([.. _parts.Select(part => map(part.Batch, x.IndexSelect(0, part.Indices.To(x.Device))))]).IndexSelect(0, _order.To(x.Device));
}
