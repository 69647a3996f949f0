using Posterior.Torch;

namespace Posterior.Imaging;

/// <summary>A colour as three shares from 0 to 1.</summary>
/// <param name="Red">Red.</param>
/// <param name="Green">Green.</param>
/// <param name="Blue">Blue.</param>
public readonly record struct PlotColour(float Red, float Green, float Blue);

/// <summary>Where a text lies relative to its point.</summary>
public enum TextAnchor
{
    /// <summary>To the right of it.</summary>
    Left,

    /// <summary>Around it.</summary>
    Middle,

    /// <summary>To the left of it.</summary>
    Right,
}

/// <summary>A white picture for plots: rectangles, smooth lines and discs, text. Coordinates are pixels from the upper left corner.</summary>
public sealed class PlotCanvas
{
    private const int TextSize = 13;

    private readonly int _width;
    private readonly int _height;
    private readonly float[] _pixels;

    /// <summary>A white canvas.</summary>
    /// <param name="width">Columns.</param>
    /// <param name="height">Rows.</param>
    /// <exception cref="ArgumentOutOfRangeException">A side is not positive.</exception>
    public PlotCanvas(int width, int height)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(width);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(height);
        (_width, _height, _pixels) = (width, height, new float[3 * width * height]);
        Array.Fill(_pixels, 1);
    }

    /// <summary>Fills a rectangle.</summary>
    public void Rectangle(double left, double top, double right, double bottom, PlotColour colour) => Paint(
        left, top, right, bottom, colour, (x, y) => Overlap(x, left, right) * Overlap(y, top, bottom));

    /// <summary>Draws a line from (<paramref name="x0"/>, <paramref name="y0"/>) to (<paramref name="x1"/>, <paramref name="y1"/>).</summary>
    public void Line(double x0, double y0, double x1, double y1, PlotColour colour, double thickness = 1)
    {
        var (dx, dy, half) = (x1 - x0, y1 - y0, thickness / 2);
        var length = dx * dx + dy * dy;
        Paint(Math.Min(x0, x1) - half, Math.Min(y0, y1) - half, Math.Max(x0, x1) + half, Math.Max(y0, y1) + half, colour, (x, y) =>
        {
            var (px, py) = (x + 0.5 - x0, y + 0.5 - y0);
            var along = length > 0 ? Math.Clamp((px * dx + py * dy) / length, 0, 1) : 0;
            return half + 0.5 - Math.Sqrt(Math.Pow(px - along * dx, 2) + Math.Pow(py - along * dy, 2));
        });
    }

    /// <summary>Draws a disc.</summary>
    public void Disc(double x, double y, double radius, PlotColour colour) => Line(x, y, x, y, colour, 2 * radius);

    /// <summary>Writes a line of text whose middle is at the height <paramref name="y"/>; it is left out where the system has no font.</summary>
    public void Text(double x, double y, string text, PlotColour colour, TextAnchor anchor = TextAnchor.Left)
    {
        byte[] coverage;
        int width, height;
        try
        {
            using var drawn = ImageCodec.DrawText(text, TextSize);
            (height, width) = ((int)drawn.Size(0), (int)drawn.Size(1));
            coverage = drawn.ToArray<byte>();
        }
        catch (TorchException)
        {
            // No font on this machine: the plot matters more.
            return;
        }
        var left = (int)Math.Round(x - anchor switch { TextAnchor.Left => 0, TextAnchor.Middle => width / 2.0, _ => width });
        var top = (int)Math.Round(y - height / 2.0);
        Paint(left, top, left + width - 1, top + height - 1, colour, (column, row) =>
            column >= left && column < left + width && row >= top && row < top + height ? coverage[(row - top) * width + column - left] / 255.0 : 0);
    }

    /// <summary>The picture.</summary>
    /// <returns><c>[1, 3, H, W]</c>, Float32, in [0, 1].</returns>
    public Tensor ToImage() => Tensor.From(_pixels, 1, 3, _height, _width);

    // How much of the pixel [at, at + 1] lies in [from, to].
    private static double Overlap(int at, double from, double to) => Math.Max(0, Math.Min(at + 1, to) - Math.Max(at, from));

    private void Paint(double left, double top, double right, double bottom, PlotColour colour, Func<int, int, double> coverage)
    {
        var (firstRow, lastRow) = (Math.Max(0, (int)Math.Floor(top) - 1), Math.Min(_height - 1, (int)Math.Ceiling(bottom) + 1));
        var (firstColumn, lastColumn) = (Math.Max(0, (int)Math.Floor(left) - 1), Math.Min(_width - 1, (int)Math.Ceiling(right) + 1));
        for (var y = firstRow; y <= lastRow; y++)
        {
            for (var x = firstColumn; x <= lastColumn; x++)
            {
                var share = (float)Math.Clamp(coverage(x, y), 0, 1);
                if (share == 0) continue;
                Blend(0, x, y, colour.Red, share);
                Blend(1, x, y, colour.Green, share);
                Blend(2, x, y, colour.Blue, share);
            }
        }
    }

    private void Blend(int plane, int x, int y, float value, float share)
    {
        ref var pixel = ref _pixels[(plane * _height + y) * _width + x];
        pixel += share * (value - pixel);
    }
}
