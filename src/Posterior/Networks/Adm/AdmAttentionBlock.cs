using Posterior.Torch;
using Posterior.Torch.Nn;

namespace Posterior.Networks.Adm;

/// <summary>guided-diffusion's AttentionBlock: normalised multi-head self-attention over the pixels, added to its input.</summary>
public sealed class AdmAttentionBlock : Module
{
    private readonly GroupNorm _norm;
    private readonly PointwiseConvolution _qkv, _projection;
    private readonly long _heads;
    private readonly bool _newOrder;

    /// <summary>A block with zero weights, to be loaded.</summary>
    /// <param name="channels">The width.</param>
    /// <param name="heads">The number of heads; it divides the width.</param>
    /// <param name="newOrder">Whether channels are ordered <c>[q, k, v][head][ch]</c> instead of <c>[head][q, k, v][ch]</c>.</param>
    /// <exception cref="ArgumentException">The heads do not divide the width.</exception>
    public AdmAttentionBlock(long channels, long heads, bool newOrder)
    {
        if (heads < 1 || channels % heads != 0)
            throw new ArgumentException($"attention over {channels} channels cannot have {heads} heads: expected a divisor", nameof(heads));
        (_heads, _newOrder) = (heads, newOrder);
        _norm = Add("norm", new GroupNorm(32, channels));
        _qkv = Add("qkv", new PointwiseConvolution(channels, 3 * channels));
        _projection = Add("proj_out", new PointwiseConvolution(channels, channels));
    }

    /// <summary>Applies the block to features <c>[N, C, H, W]</c>.</summary>
    public Tensor Forward(Tensor x)
    {
        using var scope = new Scope();
        var (q, k, v) = Split(_qkv.Forward(_norm.Forward(x)), _heads, _newOrder);
        return scope.Keep(_projection.Forward(Attention.ToImage(Attention.Apply(q, k, v), x.Size(2), x.Size(3)), residual: x));
    }

    /// <summary>Queries, keys and values <c>[N, heads, ch, T]</c> of the channels of one convolution.</summary>
    internal static (Tensor Q, Tensor K, Tensor V) Split(Tensor qkv, long heads, bool newOrder)
    {
        var (batch, width, tokens) = (qkv.Size(0), qkv.Size(1) / (3 * heads), qkv.Size(2) * qkv.Size(3));
        var parts = newOrder ? qkv.Reshape(batch, 3, heads, width, tokens) : qkv.Reshape(batch, heads, 3, width, tokens);
        var axis = newOrder ? 1 : 2;
        return (parts.Select(axis, 0), parts.Select(axis, 1), parts.Select(axis, 2));
    }
}
