using Posterior.Torch;

namespace Posterior.Imaging;

public static partial class ImageFile
{
    /// <summary>Saves an image; the format follows the name's ending. The file appears complete or not at all.</summary>
    /// <param name="path">The file, ending in one of <see cref="Extensions"/>.</param>
    /// <param name="image"><c>[1, C, H, W]</c> or <c>[C, H, W]</c>, C = 1 or 3, in [0, 1]; values outside are limited to it, except in floating-point files.</param>
    /// <param name="options">Depth and quality; null for 8 bits and the highest sensible quality.</param>
    /// <exception cref="ImageException">The ending is unknown, the depth does not suit it, the image holds NaN, or the file cannot be written.</exception>
    /// <exception cref="ArgumentException">The tensor is not one image of 1 or 3 channels.</exception>
    public static void Save(string path, Tensor image, SaveOptions? options = null)
    {
        var format = FormatOf(path);
        options ??= new();
        Validate(path, format, options);
        using var scope = new Scope();
        var pixels = Quantise(path, image, options.Bits);
        AtomicFile.Write(path, stream =>
        {
            try
            {
                ImageCodec.Encode(pixels, format, options.Quality ?? (format == ImageFormat.Jpeg ? DefaultJpegQuality : 0), bytes => stream.Write(bytes));
            }
            catch (TorchException error)
            {
                throw new ImageException($"cannot write '{path}': {error.Message}", error);
            }
        });
    }

    /// <summary>The format that a name's ending stands for.</summary>
    /// <exception cref="ImageException">It stands for none.</exception>
    public static ImageFormat FormatOf(string path) => Path.GetExtension(path).ToLowerInvariant() switch
    {
        ".png" => ImageFormat.Png,
        ".jpg" or ".jpeg" => ImageFormat.Jpeg,
        ".tif" or ".tiff" => ImageFormat.Tiff,
        ".webp" => ImageFormat.WebP,
        var other => throw new ImageException($"cannot write '{path}': {(other.Length == 0 ? "a name without ending" : $"'{other}'")} is no image format (known: {string.Join(", ", Extensions)})"),
    };

    private static void Validate(string path, ImageFormat format, SaveOptions options)
    {
        var fits = options.Bits switch
        {
            8 => true,
            16 => format is ImageFormat.Png or ImageFormat.Tiff,
            32 => format is ImageFormat.Tiff,
            _ => false,
        };
        if (!fits) throw new ImageException($"cannot write '{path}' with {options.Bits} bits a sample (PNG: 8 or 16; TIFF: 8, 16 or 32; JPEG, WebP: 8)");
        if (options.Quality is < 1 or > 100) throw new ImageException($"cannot write '{path}' with quality {options.Quality} (expected 1 to 100)");
    }

    private static Tensor Quantise(string path, Tensor image, int bits)
    {
        var shape = image.Shape;
        if (shape is not ([1, 1 or 3, > 0, > 0] or [1 or 3, > 0, > 0])) throw new ArgumentException($"an image to save is [1, C, H, W] or [C, H, W] with 1 or 3 channels, not {image}");
        var planes = (shape.Length == 4 ? image.Squeeze(0) : image).To(Device.Cpu).Permute(1, 2, 0);
        if (bits == 32) return planes.To(DType.Float32).Contiguous();
        if (planes.IsNan().Any()) throw new ImageException($"cannot write '{path}': the image holds values that are not numbers (NaN)");
        // Doubles: 65535 steps leave too little of a float's 24 bits for a rounding that is always right.
        var scaled = (planes.To(DType.Float64) * (bits == 8 ? 255 : 65535)).Round().Clamp(0, bits == 8 ? 255 : 65535);
        return scaled.To(bits == 8 ? DType.UInt8 : DType.Int32).Contiguous();
    }
}
