using Posterior.Torch;
using Posterior.Torch.Nn;

namespace Posterior.Networks.Hdit;

/// <summary>
/// Attention of each token to the k x k tokens around it (Hassani et al. 2023). Queries are taken tile by tile: a tile of at most <see cref="Tile"/> squared
/// queries is multiplied with the block of keys that covers all their neighbourhoods, and a mask of that size, the product of one for rows and one for
/// columns, picks them. Memory is therefore proportional to the number of tokens.
/// </summary>
public static class NeighbourhoodAttention
{
    // A larger tile masks more keys out, a smaller one copies keys more often.
    private const long Tile = 8;

    /// <summary>The first key that a query of an axis sees: <c>clamp(i - k/2, 0, length - k)</c>, so that it always sees k.</summary>
    /// <param name="index">The query.</param>
    /// <param name="length">The number of tokens of the axis.</param>
    /// <param name="kernel">k, at most the length.</param>
    public static long WindowStart(long index, long length, long kernel) => Math.Clamp(index - kernel / 2, 0, length - kernel);

    /// <summary><c>softmax(q k) v</c> over each neighbourhood.</summary>
    /// <param name="q">Queries, scaled, <c>[N, height, width, heads, d]</c>.</param>
    /// <param name="streams">Keys and values of that shape; where there are several, a query sees the same neighbourhood in each.</param>
    /// <param name="kernel">k; an axis with fewer tokens is seen as a whole.</param>
    /// <returns><c>[N, height, width, heads, d]</c>.</returns>
    public static Tensor Forward(Tensor q, (Tensor K, Tensor V)[] streams, int kernel)
    {
        using var scope = new Scope();
        var (n, height, width, heads, d) = (q.Size(0), q.Size(1), q.Size(2), q.Size(3), q.Size(4));
        if (kernel >= height && kernel >= width) return scope.Keep(GlobalAttention.Forward(q, streams));
        var (rows, columns) = (new Axis(height, kernel), new Axis(width, kernel));
        var (queries, keys) = (rows.Queries * columns.Queries, rows.Keys * columns.Keys);

        // 0 where a query sees a key, -inf elsewhere: [tiles, 1, queries, keys].
        var mask = Tensor.From(Mask(rows, columns), rows.Tiles * columns.Tiles, 1, queries, keys).To(q.DType).To(q.Device);

        var padded = q.Pad([0, 0, 0, 0, 0, columns.Tiles * columns.Queries - width, 0, rows.Tiles * rows.Queries - height]);
        var tiled = padded.Reshape(n, rows.Tiles, rows.Queries, columns.Tiles, columns.Queries, heads, d).Permute(0, 1, 3, 5, 2, 4, 6).Reshape(n, -1, heads, queries, d);
        var k = Tensor.Cat([.. streams.Select(stream => Blocks(stream.K).Transpose(3, 4))], 4);
        var v = Tensor.Cat([.. streams.Select(stream => Blocks(stream.V))], 3);
        if (streams.Length > 1) mask = mask.Repeat(1, 1, 1, streams.Length);
        WorkMeter.CountAttention(tiled, k);
        var mixed = (tiled.MatMul(k) + mask).Softmax(-1).MatMul(v);
        return scope.Keep(mixed.Reshape(n, rows.Tiles, columns.Tiles, heads, rows.Queries, columns.Queries, d).Permute(0, 1, 4, 2, 5, 3, 6)
            .Reshape(n, rows.Tiles * rows.Queries, columns.Tiles * columns.Queries, heads, d).Narrow(1, 0, height).Narrow(2, 0, width));

        // The keys of each tile, [N, tiles, heads, keys, d].
        Tensor Blocks(Tensor x) => columns.Gather(rows.Gather(x, 1), 3)
            .Reshape(n, rows.Tiles, rows.Keys, columns.Tiles, columns.Keys, heads, d).Permute(0, 1, 3, 5, 2, 4, 6).Reshape(n, -1, heads, keys, d);
    }

    /// <summary>The same as tiles of queries; null only where the kernel covers both axes, for so many tokens that <see cref="GlobalAttention.Tiles"/> gives none.</summary>
    /// <param name="height">Rows of tokens.</param>
    /// <param name="width">Columns of tokens.</param>
    /// <param name="kernel">k; an axis with fewer tokens is seen as a whole.</param>
    public static TokenTiles? Tiles(long height, long width, int kernel)
    {
        if (kernel >= height && kernel >= width) return GlobalAttention.Tiles(height, width);
        var (rows, columns) = (new Axis(height, kernel), new Axis(width, kernel));
        var tiles = rows.Tiles * columns.Tiles;
        var (queries, keys) = (new long[tiles * rows.Queries * columns.Queries], new long[tiles * rows.Keys * columns.Keys]);
        for (var tile = 0L; tile < tiles; tile++)
        {
            var (down, across) = (tile / columns.Tiles, tile % columns.Tiles);
            for (var i = 0L; i < rows.Queries * columns.Queries; i++)
            {
                var (row, column) = (down * rows.Queries + i / columns.Queries, across * columns.Queries + i % columns.Queries);
                queries[tile * rows.Queries * columns.Queries + i] = row < height && column < width ? row * width + column : -1;
            }
            for (var i = 0L; i < rows.Keys * columns.Keys; i++)
                keys[tile * rows.Keys * columns.Keys + i] = (rows.FirstKey(down) + i / columns.Keys) * width + columns.FirstKey(across) + i % columns.Keys;
        }
        return new TokenTiles((int)tiles, queries, keys, Mask(rows, columns));
    }

    // 0 where a query sees a key, -inf elsewhere: [tiles, queries, keys].
    private static float[] Mask(Axis rows, Axis columns)
    {
        var (down, across) = (rows.Visible(), columns.Visible());
        var mask = new float[rows.Tiles * columns.Tiles * rows.Queries * columns.Queries * rows.Keys * columns.Keys];
        var place = 0;
        for (var row = 0L; row < rows.Tiles; row++)
            for (var column = 0L; column < columns.Tiles; column++)
                for (var i = row * rows.Queries; i < (row + 1) * rows.Queries; i++)
                    for (var j = column * columns.Queries; j < (column + 1) * columns.Queries; j++)
                        for (var k = 0L; k < rows.Keys; k++)
                            for (var l = 0L; l < columns.Keys; l++) mask[place++] = down[i * rows.Keys + k] && across[j * columns.Keys + l] ? 0 : float.NegativeInfinity;
        return mask;
    }

    /// <summary>The tiles of one axis.</summary>
    private readonly struct Axis
    {
        private readonly long _length, _kernel;

        public Axis(long length, long kernel)
        {
            (_length, _kernel) = (length, Math.Min(kernel, length));
            // Two tiles of an axis would see most of it each.
            Tiles = length <= 2 * Tile ? 1 : (length + Tile - 1) / Tile;
            Queries = (length + Tiles - 1) / Tiles;
            Keys = Math.Min(length, Queries + _kernel - 1);
        }

        /// <summary>The number of tiles.</summary>
        public long Tiles { get; }

        /// <summary>Queries of a tile; the last tile may reach beyond the end.</summary>
        public long Queries { get; }

        /// <summary>Keys of a tile.</summary>
        public long Keys { get; }

        /// <summary>The keys of all tiles in a row: dimension <paramref name="dimension"/> becomes tiles and keys.</summary>
        public Tensor Gather(Tensor x, int dimension)
        {
            var shape = x.Shape.ToArray();
            long[] gathered = [.. shape[..dimension], Tiles, Keys, .. shape[(dimension + 1)..]];
            if (Tiles == 1) return x.Reshape(gathered);
            var indices = new long[Tiles * Keys];
            for (var i = 0; i < indices.Length; i++) indices[i] = FirstKey(i / Keys) + i % Keys;
            return x.IndexSelect(dimension, Tensor.From(indices, indices.Length).To(x.Device)).Reshape(gathered);
        }

        /// <summary>Whether a query sees a key, <c>[tiles, queries, keys]</c>.</summary>
        public bool[] Visible()
        {
            var visible = new bool[Tiles * Queries * Keys];
            for (var tile = 0L; tile < Tiles; tile++)
            {
                for (var query = 0L; query < Queries; query++)
                {
                    // What is beyond the end sees something too: no softmax of nothing.
                    var start = WindowStart(Math.Min(tile * Queries + query, _length - 1), _length, _kernel) - FirstKey(tile);
                    visible.AsSpan((int)((tile * Queries + query) * Keys + start), (int)_kernel).Fill(true);
                }
            }
            return visible;
        }

        /// <summary>The first key of a tile.</summary>
        public long FirstKey(long tile) => Math.Min(WindowStart(tile * Queries, _length, _kernel), _length - Keys);
    }
}
