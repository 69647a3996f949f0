using System.Globalization;
using Posterior.Torch;

namespace Posterior.Imaging;

/// <summary>
/// Image files as tensors with values in [0, 1] and back. Read: PNG, JPEG, TIFF and WebP, recognised by content and not by name; grey or
/// colour, palettes, 8 or 16 bit, floating-point TIFF. What else a file holds is settled while loading:
/// <list type="bullet">
/// <item>Transparency is flattened onto white: where an image is transparent its colour is undefined (commonly black), and white is the page that viewers show.</item>
/// <item>The EXIF rotation is applied; what is saved is upright and carries no EXIF data.</item>
/// <item>Integer samples with a colour profile, and CMYK, are converted to sRGB (relative colorimetric). A profile that is sRGB already is only dropped, so that values stay exact.</item>
/// <item>Floating-point samples are taken as they are: no profile, no curve, no limit to [0, 1].</item>
/// <item>Of several pages or frames the first is taken.</item>
/// </list>
/// Values of 8 and 16 bits survive loading and saving bit for bit.
/// </summary>
public static partial class ImageFile
{
    /// <summary>The quality of JPEG files unless another is asked for.</summary>
    public const int DefaultJpegQuality = 95;

    private const long MostBytes = int.MaxValue - 64;

    /// <summary>The name endings of the files that are read and written, in lower case with their dot.</summary>
    public static IReadOnlyList<string> Extensions { get; } = [".png", ".jpg", ".jpeg", ".tif", ".tiff", ".webp"];

    /// <summary>Whether a name ends like an image file's.</summary>
    public static bool HasImageExtension(string path) => Extensions.Contains(Path.GetExtension(path).ToLowerInvariant());

    /// <summary>Loads an image.</summary>
    /// <returns><c>[1, C, H, W]</c>, Float32, C = 1 or 3, in [0, 1] (a floating-point TIFF: as stored).</returns>
    /// <exception cref="ImageException">The file is missing, empty, damaged, truncated, too large, or no image of a known format.</exception>
    public static Tensor Load(string path) => Load(path, out _);

    /// <summary>Loads an image and tells what its file declared.</summary>
    /// <inheritdoc cref="Load(string)"/>
    public static Tensor Load(string path, out ImageInfo info) => Decode(ReadBytes(path), path, out info);

    /// <summary>Decodes the bytes of an image file.</summary>
    /// <param name="file">The bytes.</param>
    /// <param name="name">What error messages call the file.</param>
    /// <param name="info">What the file declared.</param>
    /// <inheritdoc cref="Load(string)"/>
    public static Tensor Decode(ReadOnlySpan<byte> file, string name, out ImageInfo info)
    {
        using var scope = new Scope();
        var pixels = Pixels(file, name, out info);
        var planes = pixels.Permute(2, 0, 1).Unsqueeze(0);
        return scope.Keep(pixels.DType switch
        {
            // Divided, not multiplied by the inverse: v / 255 is then the float nearest to the exact value.
            DType.UInt8 => planes.To(DType.Float32).Contiguous().DivideBy(255),
            DType.Int32 => planes.To(DType.Float32).Contiguous().DivideBy(65535),
            _ => planes.Clone().Contiguous(),
        });
    }

    /// <summary>Decodes the bytes of an image file to 8-bit samples: a quarter of the memory, for training sets.</summary>
    /// <param name="file">The bytes.</param>
    /// <param name="name">What error messages call the file.</param>
    /// <returns><c>[C, H, W]</c>, UInt8, C = 1 or 3; deeper samples are rounded.</returns>
    /// <exception cref="ImageException">As for <see cref="Load(string)"/>.</exception>
    public static Tensor DecodeBytes(ReadOnlySpan<byte> file, string name)
    {
        using var scope = new Scope();
        var pixels = Pixels(file, name, out _);
        var planes = pixels.Permute(2, 0, 1);
        return scope.Keep((pixels.DType switch
        {
            DType.UInt8 => planes,
            DType.Int32 => (planes.To(DType.Float32) / 257).Round().To(DType.UInt8),
            _ => (planes * 255).Round().Clamp(0, 255).To(DType.UInt8),
        }).Clone().Contiguous());
    }

    /// <summary>Reads the bytes of a file that should be an image, with this class's error messages.</summary>
    /// <exception cref="ImageException">The file is missing, empty, not a regular file, unreadable, or of 2 GiB or more.</exception>
    public static byte[] ReadBytes(string path)
    {
        try
        {
            var file = new FileInfo(path);
            if (Directory.Exists(path)) throw new ImageException($"image '{path}' is a folder, not a file");
            if (SpecialFile.MayBe(path)) throw new ImageException($"image '{path}' is empty (0 bytes) or not a regular file");
            if (!file.Exists) throw new ImageException($"image '{path}' does not exist");
            if (file.Length > MostBytes) throw new ImageException(string.Create(CultureInfo.InvariantCulture, $"image '{path}' is too large: {file.Length} bytes, the limit is {MostBytes}"));
            return File.ReadAllBytes(path);
        }
        catch (UnauthorizedAccessException error)
        {
            throw new ImageException($"image '{path}' cannot be read: no permission", error);
        }
        catch (IOException error)
        {
            throw new ImageException($"image '{path}' cannot be read: {error.Message.Split('\n')[0].TrimEnd('.', ' ')}", error);
        }
    }

    private static Tensor Pixels(ReadOnlySpan<byte> file, string name, out ImageInfo info)
    {
        if (file.IsEmpty) throw new ImageException($"image '{name}' is empty (0 bytes)");
        if (!ImageContent.IsImage(file))
        {
            var extension = Path.GetExtension(name);
            var label = HasImageExtension(name) ? $" although it is named {extension}" : "";
            throw new ImageException($"image '{name}' is not PNG, JPEG, TIFF or WebP{label}: its content is {ImageContent.Describe(file)}");
        }
        try
        {
            (var pixels, info) = ImageCodec.Decode(file);
            return pixels;
        }
        catch (TorchException error)
        {
            throw new ImageException($"image '{name}' cannot be decoded: {error.Message}", error);
        }
    }

    private static Tensor DivideBy(this Tensor values, double divisor)
    {
        using var number = Tensor.Scalar(divisor);
        return values.DivideInPlace(number);
    }
}
