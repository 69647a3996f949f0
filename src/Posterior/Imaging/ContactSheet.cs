using Posterior.Torch;

namespace Posterior.Imaging;

/// <summary>Images side by side in one picture, with captions: original, measurement, restored.</summary>
public static class ContactSheet
{
    private const long Gap = 6;
    private const int TextSize = 14;
    private const long TextMargin = 4;
    private const long Captioned = 96; // the least size of images with captions, which would not fit

    /// <summary>One image of a sheet.</summary>
    /// <param name="Image"><c>[1, C, H, W]</c> or <c>[C, H, W]</c>, C = 1 or 3, in [0, 1]; values outside are limited to it.</param>
    /// <param name="Caption">A line above the image; null for none. It is left out where the system has no font.</param>
    public sealed record Cell(Tensor Image, string? Caption = null);

    /// <summary>Composes rows of images. Columns are as wide and rows as high as their largest image; the background is white. Small images with captions are enlarged, each pixel to a square.</summary>
    /// <returns><c>[1, 3, H, W]</c>, Float32, in [0, 1].</returns>
    /// <exception cref="ArgumentException">There is no image, or one of another shape.</exception>
    public static Tensor Render(IReadOnlyList<IReadOnlyList<Cell>> rows)
    {
        if (!rows.Any(row => row.Count > 0)) throw new ArgumentException("a contact sheet needs at least one image");
        using var scope = new Scope();
        var images = rows.Select(row => row.Select(cell => Picture(cell.Image)).ToArray()).ToArray();
        var largest = images.SelectMany(row => row).Max(image => Math.Max(image.Size(2), image.Size(3)));
        if (rows.Any(row => row.Any(cell => cell.Caption is not null)) && Captioned / largest is > 1 and var times)
            images = [.. images.Select(row => row.Select(image => image.UpsampleNearest(times * image.Size(2), times * image.Size(3))).ToArray())];
        var captions = rows.Select(row => row.Select(cell => Text(cell.Caption)).ToArray()).ToArray();
        var widths = Enumerable.Range(0, rows.Max(row => row.Count)).Select(column => images.Where(row => column < row.Length).Max(row => row[column].Size(3))).ToArray();
        var heights = images.Select(row => row.Select(image => image.Size(2)).DefaultIfEmpty(0).Max()).ToArray();
        var bands = captions.Select(row => row.Any(text => text is not null) ? row.Max(text => text?.Size(2) ?? 0) + 2 * TextMargin : 0).ToArray();
        var sheet = Tensor.Ones([1, 3, heights.Sum() + bands.Sum() + Gap * (rows.Count + 1), widths.Sum() + Gap * (widths.Length + 1)]);
        var top = Gap;
        for (var row = 0; row < rows.Count; row++)
        {
            var left = Gap;
            for (var column = 0; column < images[row].Length; column++)
            {
                var image = images[row][column];
                if (captions[row][column] is { } text)
                {
                    // A long caption ends at its column's edge.
                    var shown = text.Narrow(3, 0, Math.Min(text.Size(3), widths[column]));
                    Place(sheet, shown, top + bands[row] - TextMargin - shown.Size(2), left);
                }
                Place(sheet, image, top + bands[row], left);
                left += widths[column] + Gap;
            }
            top += heights[row] + bands[row] + Gap;
        }
        return scope.Keep(sheet);
    }

    private static void Place(Tensor sheet, Tensor image, long top, long left) =>
        sheet.Narrow(2, top, image.Size(2)).Narrow(3, left, image.Size(3)).CopyFrom(image);

    private static Tensor Picture(Tensor image)
    {
        var batch = image.Rank == 3 ? image.Unsqueeze(0) : image;
        if (batch.Shape is not [1, _, > 0, > 0]) throw new ArgumentException($"an image of a contact sheet is [1, C, H, W] or [C, H, W], not {image}");
        return Colour.ToColour(batch.To(Device.Cpu).To(DType.Float32)).Clamp(0, 1);
    }

    // Black letters on white, [1, 1, h, w].
    private static Tensor? Text(string? caption)
    {
        if (string.IsNullOrWhiteSpace(caption)) return null;
        try
        {
            return 1 - ImageCodec.DrawText(caption, TextSize).Permute(2, 0, 1).Unsqueeze(0).To(DType.Float32) / 255;
        }
        catch (TorchException)
        {
            // No font on this machine: the pictures matter more.
            return null;
        }
    }
}
