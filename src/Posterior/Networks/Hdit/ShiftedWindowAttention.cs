using Posterior.Torch;
using Posterior.Torch.Nn;

namespace Posterior.Networks.Hdit;

/// <summary>Attention within windows that may be shifted (Liu et al. 2021): the grid is rolled, and what was wrapped around an edge does not see the rest of its window.</summary>
public static class ShiftedWindowAttention
{
    /// <summary><c>softmax(q k) v</c> over each window.</summary>
    /// <param name="q">Queries, scaled, <c>[N, height, width, heads, d]</c>; height and width are multiples of the window.</param>
    /// <param name="streams">Keys and values of that shape; where there are several, a query sees the same window in each.</param>
    /// <param name="window">Rows and columns of a window.</param>
    /// <param name="shift">By how many tokens the grid is rolled down and to the right.</param>
    /// <returns><c>[N, height, width, heads, d]</c>.</returns>
    public static Tensor Forward(Tensor q, (Tensor K, Tensor V)[] streams, int window, int shift)
    {
        using var scope = new Scope();
        var (n, height, width, heads, d) = (q.Size(0), q.Size(1), q.Size(2), q.Size(3), q.Size(4));
        Check(height, width, window);
        var (rows, columns) = (height / window, width / window);
        var k = Tensor.Cat([.. streams.Select(stream => Windows(stream.K).Transpose(3, 4))], 4);
        var v = Tensor.Cat([.. streams.Select(stream => Windows(stream.V))], 3);
        var queries = Windows(q);
        WorkMeter.CountAttention(queries, k);
        var logits = queries.MatMul(k);
        if (shift > 0) logits += Tensor.From(Mask(rows, columns, window, shift), rows * columns, 1, window * window, window * window).Repeat(1, 1, 1, streams.Length).To(q.DType).To(q.Device);
        var mixed = logits.Softmax(-1).MatMul(v).Reshape(n, rows, columns, heads, window, window, d).Permute(0, 1, 4, 2, 5, 3, 6).Reshape(n, height, width, heads, d);
        return scope.Keep(shift > 0 ? mixed.Roll([-shift, -shift], [1, 2]) : mixed);

        // [N, windows, heads, tokens, d].
        Tensor Windows(Tensor x) => (shift > 0 ? x.Roll([shift, shift], [1, 2]) : x)
            .Reshape(n, rows, window, columns, window, heads, d).Permute(0, 1, 3, 5, 2, 4, 6).Reshape(n, -1, heads, (long)window * window, d);
    }

    /// <summary>The same as tiles of queries.</summary>
    /// <param name="height">Rows of tokens, a multiple of the window.</param>
    /// <param name="width">Columns of tokens, a multiple of the window.</param>
    /// <param name="window">Rows and columns of a window.</param>
    /// <param name="shift">By how many tokens the grid is rolled down and to the right.</param>
    public static TokenTiles Tiles(long height, long width, int window, int shift)
    {
        Check(height, width, window);
        var (rows, columns, tokens) = (height / window, width / window, window * window);
        var places = new long[height * width];
        for (var i = 0L; i < places.Length; i++)
        {
            var (w, token) = (i / tokens, i % tokens);
            var (row, column) = (w / columns * window + token / window, w % columns * window + token % window);
            places[i] = (row - shift + height) % height * width + (column - shift + width) % width;
        }
        return new TokenTiles((int)(rows * columns), places, places, shift > 0 ? Mask(rows, columns, window, shift) : null);
    }

    // The first rows of the top windows and the first columns of the left ones come from the other edge.
    private static float[] Mask(long rows, long columns, int window, int shift)
    {
        var tokens = window * window;
        var mask = new float[rows * columns * tokens * tokens];
        for (var w = 0L; w < rows * columns; w++)
        {
            var (top, left) = (w / columns == 0, w % columns == 0);
            for (var query = 0; query < tokens; query++)
            {
                for (var key = 0; key < tokens; key++)
                {
                    var apart = (top && query / window < shift != key / window < shift) || (left && query % window < shift != key % window < shift);
                    if (apart) mask[(w * tokens + query) * tokens + key] = float.NegativeInfinity;
                }
            }
        }
        return mask;
    }

    private static void Check(long height, long width, int window)
    {
        if (height % window != 0 || width % window != 0) throw new ArgumentException($"windows of {window} tokens do not tile {height} x {width} tokens");
    }
}
