using Posterior.Torch;
using Posterior.Torch.Nn;

namespace Posterior.Networks.Adm;

/// <summary>
/// guided-diffusion's AttentionPool2d (after CLIP): self-attention over the mean token and the pixels, of which the mean token's result is read out.
/// </summary>
public sealed class AdmAttentionPool : Module
{
    private readonly Parameter _positions;
    private readonly PointwiseConvolution _qkv, _projection;
    private readonly long _heads, _side;

    /// <summary>A layer with zero weights, to be loaded.</summary>
    /// <param name="side">Height and width of the features.</param>
    /// <param name="channels">Their channels.</param>
    /// <param name="heads">The number of heads.</param>
    /// <param name="outputs">The number of results for each image.</param>
    public AdmAttentionPool(long side, long channels, long heads, long outputs)
    {
        (_side, _heads) = (side, heads);
        _positions = AddParameter("positional_embedding", Tensor.Zeros([channels, side * side + 1]));
        _qkv = Add("qkv_proj", new PointwiseConvolution(channels, 3 * channels));
        _projection = Add("c_proj", new PointwiseConvolution(channels, outputs));
    }

    /// <summary>Features <c>[N, C, side, side]</c> to <c>[N, outputs]</c>.</summary>
    /// <exception cref="ArgumentException">The features have another size.</exception>
    public Tensor Forward(Tensor x)
    {
        if (x.Size(2) != _side || x.Size(3) != _side)
            throw new ArgumentException($"attention pooling expects features of {_side}x{_side}, found {x.Size(2)}x{x.Size(3)}: the classifier takes images of its training size only", nameof(x));
        using var scope = new Scope();
        var pixels = x.Flatten(2);
        var tokens = Tensor.Cat([pixels.Mean([2], keepDimensions: true), pixels], 2) + _positions.Value.Unsqueeze(0);
        var (q, k, v) = AdmAttentionBlock.Split(_qkv.Forward(tokens.Unsqueeze(3)), _heads, newOrder: true);

        // Only the first token is read out, so only it needs a query.
        var mean = Attention.Apply(q.Narrow(3, 0, 1), k, v);
        return scope.Keep(_projection.Forward(Attention.ToImage(mean, 1, 1)).Flatten(1));
    }
}
