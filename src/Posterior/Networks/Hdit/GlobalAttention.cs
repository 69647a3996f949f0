using Posterior.Torch;
using Posterior.Torch.Nn;

namespace Posterior.Networks.Hdit;

/// <summary>Attention of all tokens to all.</summary>
public static class GlobalAttention
{
    /// <summary><c>softmax(q k) v</c>.</summary>
    /// <param name="q">Queries, scaled, <c>[N, height, width, heads, d]</c>.</param>
    /// <param name="streams">Keys and values of that shape; where there are several, a query sees all of them.</param>
    /// <returns><c>[N, height, width, heads, d]</c>.</returns>
    public static Tensor Forward(Tensor q, (Tensor K, Tensor V)[] streams)
    {
        using var scope = new Scope();
        var (n, height, width, heads, d) = (q.Size(0), q.Size(1), q.Size(2), q.Size(3), q.Size(4));
        // The layer divides logits by sqrt(d); cosine similarity has a learned scale instead.
        var mixed = DotProductAttention.Forward(
            Tokens(q * Math.Sqrt(d)), Tensor.Cat([.. streams.Select(stream => Tokens(stream.K))], 3), Tensor.Cat([.. streams.Select(stream => Tokens(stream.V))], 3));
        return scope.Keep(mixed.Transpose(1, 2).Reshape(n, height, width, heads, d));

        Tensor Tokens(Tensor x) => x.Reshape(n, -1, heads, d).Permute(0, 2, 3, 1);
    }
}
