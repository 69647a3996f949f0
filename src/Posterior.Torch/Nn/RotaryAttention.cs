namespace Posterior.Torch.Nn;

/// <summary>
/// Softmax attention by cosine similarity with rotary positions (Crowson et al. 2024, arXiv:2401.11605, Sec. 3) on the CPU, also with derivatives of the first order: queries and keys get their length and rotation
/// where they are read, and logits exist for one tile of tokens and head at a time (<see cref="FastPath"/>).
/// </summary>
public static class RotaryAttention
{
    /// <summary><c>softmax(q k) v</c> for each head, or null where ATen's operators must do it.</summary>
    /// <param name="qkv">Queries, keys and values of tokens side by side, <c>[N, ..., 3 heads d]</c>.</param>
    /// <param name="other">Keys and values of a second stream of the same tokens, seen as the first is, <c>[N, ..., 2 heads d]</c>; null for none.</param>
    /// <param name="share">What keys of the second stream add of those of the first, for each head: <c>[heads]</c>; null for nothing.</param>
    /// <param name="heads">The heads.</param>
    /// <param name="scale">What the cosine of a query and a key is multiplied by, <c>[heads]</c>.</param>
    /// <param name="cosines">Cosines of the angles by which number i and number i + d/4 of a head are rotated, <c>[..., heads, d/4]</c>.</param>
    /// <param name="sines">Their sines.</param>
    /// <param name="tiles">Which tokens see which.</param>
    /// <returns><c>[N, ..., heads d]</c>.</returns>
    /// <exception cref="ArgumentException">The tiles are of another number of tokens.</exception>
    public static Tensor? Forward(Tensor qkv, Tensor? other, Tensor? share, int heads, Tensor scale, Tensor cosines, Tensor sines, TokenTiles tiles)
    {
        ArgumentNullException.ThrowIfNull(qkv);
        ArgumentNullException.ThrowIfNull(tiles);
        if (qkv.Count != qkv.Size(0) * tiles.Tokens * qkv.Size(-1)) throw new ArgumentException($"the tiles are of {tiles.Tokens} tokens, found {qkv}");
        var start = LayerProfile.Start();
        if (FastPath.RotaryAttention(qkv, other, share, heads, scale, cosines, sines, tiles) is not { } result) return null;
        var operations = 4.0 * tiles.Queries.Length * result.Size(0) * result.Size(-1) * tiles.EachKeys * (other is null ? 1 : 2);
        WorkMeter.CountOperations(operations);
        LayerProfile.Stop(start, "attention", operations, result);
        return result;
    }
}

/// <summary>Which tokens of an image see which: tiles of queries, each with the keys that they see, apart from those that a mask takes away.</summary>
public sealed class TokenTiles
{
    /// <summary>Tiles of one size.</summary>
    /// <param name="count">The number of tiles.</param>
    /// <param name="queries">The tokens of each tile, one tile after the other; each token once, and -1 where there is none.</param>
    /// <param name="keys">The tokens that those of each tile see.</param>
    /// <param name="mask">What is added to the logits, <c>[count, queries of a tile, keys of a tile]</c>; null for nothing.</param>
    /// <exception cref="ArgumentException">The numbers contradict each other, or a token is a query of no tile or of two.</exception>
    public TokenTiles(int count, long[] queries, long[] keys, float[]? mask = null)
    {
        ArgumentNullException.ThrowIfNull(queries);
        ArgumentNullException.ThrowIfNull(keys);
        if (count < 1 || queries.Length == 0 || keys.Length == 0 || queries.Length % count != 0 || keys.Length % count != 0)
            throw new ArgumentException($"{queries.Length} queries and {keys.Length} keys do not fill {count} tiles");
        (Count, Queries, Keys, Mask) = (count, queries, keys, mask);
        var tokens = queries.Where(query => query >= 0).Order().ToArray();
        if (!tokens.SequenceEqual(Enumerable.Range(0, tokens.Length).Select(token => (long)token))) throw new ArgumentException("each token is a query of exactly one tile");
        Tokens = tokens.LongLength;
        if (mask is not null && mask.LongLength != Count * EachQueries * EachKeys) throw new ArgumentException($"a mask of {mask.LongLength} numbers for {count} tiles of {EachQueries} queries and {EachKeys} keys");
    }

    /// <summary>The number of tiles.</summary>
    public int Count { get; }

    /// <summary>The number of tokens.</summary>
    public long Tokens { get; }

    internal long[] Queries { get; }

    internal long[] Keys { get; }

    internal float[]? Mask { get; }

    internal long EachQueries => Queries.LongLength / Count;

    internal long EachKeys => Keys.LongLength / Count;
}
