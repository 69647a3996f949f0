using Posterior.Imaging;
using Posterior.Torch;

namespace Posterior.Evaluation;

/// <summary>How many bits a sample of an output has.</summary>
public static class BitDepth
{
    /// <summary>The depth to write.</summary>
    /// <param name="path">The output; its ending names the format.</param>
    /// <param name="asked">What the user asked for; null for nothing.</param>
    /// <param name="wanted">What would keep all there is to keep.</param>
    /// <returns><paramref name="asked"/>, else the most that the format has up to <paramref name="wanted"/>.</returns>
    /// <exception cref="ImageException">The ending names no format, or one without that depth.</exception>
    public static int For(string path, int? asked, int wanted)
    {
        if (MeasurementFile.IsArray(path)) return asked is null or 32 ? 32 : throw new ImageException($"cannot write '{path}' with {asked} bits a value: an array has 32");
        var most = ImageFile.FormatOf(path) switch { ImageFormat.Png => 16, ImageFormat.Tiff => 32, _ => 8 };
        if (asked is not (null or 8 or 16 or 32) || asked > most)
            throw new ImageException($"cannot write '{path}' with {asked} bits a value (PNG: 8 or 16; TIFF: 8, 16 or 32; JPEG, WebP: 8)");
        return asked ?? Math.Min(wanted, most);
    }
}
