using System.Globalization;
using Posterior.Torch;

namespace Posterior.Diffusion;

/// <summary>
/// A denoiser that works through images too large for memory in overlapping tiles, faded into each other. Only the denoiser is cut: solvers and their data
/// consistency see the whole image. Whether and how far to cut follows from a memory estimate; an image that fits is denoised whole.
/// For a fully convolutional denoiser whose receptive radius is at most <see cref="TileOptions.Context"/> the result is that for the whole image;
/// others (attention, normalisation over the image) see a smaller picture, and the fading hides where it ends.
/// </summary>
public sealed class TiledDenoiser : Denoiser
{
    private readonly Denoiser _inner;
    private readonly TileOptions _options;
    private readonly long _pixels;

    /// <summary>Wraps a denoiser.</summary>
    /// <exception cref="ArgumentOutOfRangeException">An option is out of range.</exception>
    public TiledDenoiser(Denoiser inner, TileOptions options)
    {
        if (options.BytesPerPixel < 0 || options.MemoryBytes is <= 0 || options.Context < 0 || options.Blend < 1 || options.Multiple < 1)
            throw new ArgumentOutOfRangeException(nameof(options), string.Create(CultureInfo.InvariantCulture, $"tiles need bytes per pixel >= 0, memory > 0, context >= 0, blend >= 1 and a multiple >= 1, not {options}"));
        (_inner, _options) = (inner, options);
        // The machine's size, not what happens to be free: the same image is cut the same way every time.
        var memory = options.MemoryBytes ?? GC.GetGCMemoryInfo().TotalAvailableMemoryBytes / 4;
        _pixels = options.BytesPerPixel == 0 ? long.MaxValue : Math.Max(1, memory / options.BytesPerPixel);
    }

    /// <inheritdoc/>
    public override long? Channels => _inner.Channels;

    /// <inheritdoc/>
    public override (double Min, double Max) SigmaRange => _inner.SigmaRange;

    /// <summary>The tiles of an image, row by row; a single one when it fits.</summary>
    /// <param name="height">The image's height.</param>
    /// <param name="width">The image's width.</param>
    /// <returns>Ranges of rows and columns.</returns>
    public IReadOnlyList<(long Top, long Height, long Left, long Width)> Tiles(long height, long width)
    {
        if (height <= _pixels / width) return [(0, height, 0, width)];
        var side = (long)Math.Sqrt(_pixels);
        // A long thin image is cut across only.
        var (tall, wide) = width <= side ? (_pixels / width, width) : height <= side ? (height, _pixels / height) : (side, side);
        return [.. from row in Spans(height, tall) from column in Spans(width, wide) select (row.Start, row.Length, column.Start, column.Length)];
    }

    /// <inheritdoc/>
    public override Tensor Denoise(Tensor x, double sigma)
    {
        var (n, h, w) = (x.Size(0), x.Size(2), x.Size(3));
        var images = Math.Min(n, _pixels / h / w);
        if (images == n) return _inner.Denoise(x, sigma);
        using var scope = new Scope();
        if (images > 0) return scope.Keep(Tensor.Cat([.. Pieces(n, images).Select(piece => _inner.Denoise(x.Narrow(0, piece.Start, piece.Length), sigma))]));
        return scope.Keep(Tensor.Cat([.. Pieces(n, 1).Select(piece => DenoiseInTiles(x.Narrow(0, piece.Start, 1), sigma))]));
    }

    private Tensor DenoiseInTiles(Tensor x, double sigma)
    {
        var tiles = Tiles(x.Size(2), x.Size(3));
        var rows = Windows(x.Size(2), [.. tiles.Select(tile => (tile.Top, tile.Height)).Distinct()]);
        var columns = Windows(x.Size(3), [.. tiles.Select(tile => (tile.Left, tile.Width)).Distinct()]);
        var sum = x.ZerosLike();
        foreach (var (top, height, left, width) in tiles)
        {
            using var scope = new Scope();
            var tile = _inner.Denoise(x.Narrow(2, top, height).Narrow(3, left, width).Contiguous(), sigma);
            var down = Tensor.From(rows[top], 1, 1, height, 1).To(x.DType).To(x.Device);
            var across = Tensor.From(columns[left], 1, 1, 1, width).To(x.DType).To(x.Device);
            sum.Narrow(2, top, height).Narrow(3, left, width).AddInPlace(tile * down * across);
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
        var spans = new List<(long, long)>();
        for (var i = 0L; i < count; i++)
        {
            var start = i == count - 1 ? (size - tile) / multiple * multiple : i * (size - tile) / (count - 1) / multiple * multiple;
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
