using Posterior.Torch;
using Posterior.Torch.Nn;

namespace Posterior.Networks.Hdit;

/// <summary>Attention of all tokens to all.</summary>
public static class GlobalAttention
{
    // A tile's queries see all keys, which are read again for each tile.
    private const long TileQueries = 64, MostTokens = 1024;

    /// <summary>The same as tiles of queries; null for so many tokens that the memory of tiles would count.</summary>
    /// <param name="height">Rows of tokens.</param>
    /// <param name="width">Columns of tokens.</param>
    public static TokenTiles? Tiles(long height, long width)
    {
        var tokens = height * width;
        if (tokens > MostTokens) return null;
        var tiles = (tokens + TileQueries - 1) / TileQueries;
        var each = (tokens + tiles - 1) / tiles;
        var (queries, keys) = (new long[tiles * each], new long[tiles * tokens]);
        for (var i = 0L; i < queries.Length; i++) queries[i] = i < tokens ? i : -1;
        for (var i = 0L; i < keys.Length; i++) keys[i] = i % tokens;
        return new TokenTiles((int)tiles, queries, keys);
    }

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
