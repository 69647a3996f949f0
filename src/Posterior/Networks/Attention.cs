using Posterior.Torch;
using Posterior.Torch.Nn;

namespace Posterior.Networks;

/// <summary>Softmax attention over the pixels of an image (Vaswani et al. 2017, Eq. 1).</summary>
public static class Attention
{
    /// <summary><c>softmax(q^T k / sqrt(d)) v</c> for every image and head.</summary>
    /// <param name="q">Queries, <c>[N, heads, d, T]</c>.</param>
    /// <param name="k">Keys, <c>[N, heads, d, S]</c>.</param>
    /// <param name="v">Values, <c>[N, heads, d, S]</c>.</param>
    /// <returns><c>[N, heads, T, d]</c>: tokens before features, which is how channels-last images lie in memory.</returns>
    public static Tensor Apply(Tensor q, Tensor k, Tensor v) => DotProductAttention.Forward(q, k, v);

    /// <summary>The result of <see cref="Apply"/> as an image <c>[N, heads * d, H, W]</c>, head by head.</summary>
    /// <param name="tokens"><c>[N, heads, H W, d]</c>.</param>
    /// <param name="height">Rows of the image.</param>
    /// <param name="width">Columns of the image.</param>
    public static Tensor ToImage(Tensor tokens, long height, long width)
    {
        using var scope = new Scope();
        return scope.Keep(tokens.Transpose(2, 3).Reshape(tokens.Size(0), tokens.Size(1) * tokens.Size(3), height, width));
    }
}
