using System.Globalization;
using Posterior.Torch;

namespace Posterior.Diffusion;

/// <summary>Cuts images into overlapping tiles as memory demands, and fades what becomes of them into each other.</summary>
internal sealed class ImageTiles
{
    private readonly TileOptions _options;
    private readonly long _pixels;

    /// <summary>Tiles of given sizes.</summary>
    /// <exception cref="ArgumentOutOfRangeException">An option is out of range.</exception>
    public ImageTiles(TileOptions options)
    {
        if (options.BytesPerPixel < 0 || options.MemoryBytes is <= 0 || options.Context < 0 || options.Blend < 1 || options.Multiple < 1)
            throw new ArgumentOutOfRangeException(nameof(options), string.Create(CultureInfo.InvariantCulture, $"tiles need bytes per pixel >= 0, memory > 0, context >= 0, blend >= 1 and a multiple >= 1, not {options}"));
        _options = options;
        // The machine's size, not what happens to be free: the same image is cut the same way every time.
        var memory = options.MemoryBytes ?? GC.GetGCMemoryInfo().TotalAvailableMemoryBytes / 4;
        _pixels = options.BytesPerPixel == 0 ? long.MaxValue : Math.Max(1, memory / options.BytesPerPixel);
    }

    /// <summary>The tiles of an image, row by row; a single one when it fits.</summary>
    /// <param name="height">The image's height.</param>
    /// <param name="width">The image's width.</param>
    /// <returns>Ranges of rows and columns.</returns>
    public IReadOnlyList<(long Top, long Height, long Left, long Width)> Of(long height, long width)
    {
        if (height <= _pixels / width) return [(0, height, 0, width)];
        var side = (long)Math.Sqrt(_pixels);
        // A long thin image is cut across only.
        var (tall, wide) = width <= side ? (_pixels / width, width) : height <= side ? (height, _pixels / height) : (side, side);
        return [.. from row in Spans(height, tall) from column in Spans(width, wide) select (row.Start, row.Length, column.Start, column.Length)];
    }

    /// <summary>Applies a map to images, or to their tiles where they do not fit.</summary>
    /// <param name="x"><c>[N, C, H, W]</c>.</param>
    /// <param name="map">The map; it keeps the channels.</param>
    /// <param name="scale">By how much it enlarges images.</param>
    public Tensor Map(Tensor x, Func<Tensor, Tensor> map, int scale = 1)
    {
        var (n, h, w) = (x.Size(0), x.Size(2), x.Size(3));
        var images = Math.Min(n, _pixels / h / w);
        if (images == n) return map(x);
        using var scope = new Scope();
        if (images > 0) return scope.Keep(Tensor.Cat([.. Pieces(n, images).Select(piece => map(x.Narrow(0, piece.Start, piece.Length)))]));
        return scope.Keep(Tensor.Cat([.. Pieces(n, 1).Select(piece => MapTiles(x.Narrow(0, piece.Start, 1), map, scale))]));
    }

    private Tensor MapTiles(Tensor x, Func<Tensor, Tensor> map, int scale)
    {
        var tiles = Of(x.Size(2), x.Size(3));
        var rows = Windows(x.Size(2), [.. tiles.Select(tile => (tile.Top, tile.Height)).Distinct()]);
        var columns = Windows(x.Size(3), [.. tiles.Select(tile => (tile.Left, tile.Width)).Distinct()]);
        var sum = Tensor.Zeros([x.Size(0), x.Size(1), x.Size(2) * scale, x.Size(3) * scale], x.DType, x.Device);
        foreach (var (top, height, left, width) in tiles)
        {
            using var scope = new Scope();
            var tile = map(x.Narrow(2, top, height).Narrow(3, left, width).Contiguous());
            var down = Tensor.From(rows[top], 1, 1, height, 1).RepeatInterleave(scale, 2).To(x.DType).To(x.Device);
            var across = Tensor.From(columns[left], 1, 1, 1, width).RepeatInterleave(scale, 3).To(x.DType).To(x.Device);
            sum.Narrow(2, top * scale, height * scale).Narrow(3, left * scale, width * scale).AddInPlace(tile * down * across);
        }
        return sum;
    }

    // Tiles of one direction: corners at multiples, at least the overlap in common, the last one at the end.
    private List<(long Start, long Length)> Spans(long size, long tile)
    {
        long multiple = _options.Multiple, overlap = _options.Overlap;
        // A tile must be worth more than its borders, whatever the memory.
        tile = Math.Max(tile / multiple, (2 * overlap + multiple - 1) / multiple + 1) * multiple;
        if (tile >= size) return [(0, size)];
        // The largest stride that leaves the overlap, spread evenly over the tiles that it takes.
        var stride = (tile - overlap) / multiple * multiple;
        var count = (size - tile + stride - 1) / stride + 1;
        var spans = new List<(long Start, long Length)>();
        for (var i = 0L; i < count; i++)
        {
            var start = i == count - 1 ? (size - tile) / multiple * multiple : i * (size - tile) / (count - 1) / multiple * multiple;
            // Rounded down to multiples, corners may meet; the later tile reaches as far.
            if (spans.Count > 0 && spans[^1].Start == start) spans.RemoveAt(spans.Count - 1);
            spans.Add((start, i == count - 1 ? size - start : tile));
        }
        return spans;
    }

    // The weight of each tile at each of its pixels: 0 in the context, a raised cosine, then 1; together 1 at every pixel of the image.
    private Dictionary<long, double[]> Windows(long size, List<(long Start, long Length)> spans)
    {
        var total = new double[size];
        var windows = new Dictionary<long, double[]>();
        foreach (var (start, length) in spans)
        {
            var window = new double[length];
            for (var i = 0L; i < length; i++)
            {
                var before = start == 0 ? 1 : Ramp(i);
                var after = start + length == size ? 1 : Ramp(length - 1 - i);
                window[i] = before * after;
                total[start + i] += window[i];
            }
            windows.Add(start, window);
        }
        foreach (var (start, window) in windows)
            for (var i = 0; i < window.Length; i++) window[i] /= total[start + i];
        return windows;
    }

    private double Ramp(long distance)
    {
        var t = (distance - _options.Context + 0.5) / _options.Blend;
        return t <= 0 ? 0 : t >= 1 ? 1 : 0.5 - 0.5 * Math.Cos(Math.PI * t);
    }

    private static IEnumerable<(long Start, long Length)> Pieces(long count, long each)
    {
        for (var start = 0L; start < count; start += each) yield return (start, Math.Min(each, count - start));
    }
}
