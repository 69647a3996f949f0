using Posterior.Imaging;

namespace Posterior.Evaluation;

/// <summary>How many bits a sample of an output has.</summary>
public static class BitDepth
{
    /// <summary>The depth to write.</summary>
    /// <param name="path">The output; its ending names the format.</param>
    /// <param name="asked">What the user asked for; null for nothing.</param>
    /// <param name="wanted">What would keep all there is to keep.</param>
    /// <returns><paramref name="asked"/>, else the most that the format has up to <paramref name="wanted"/>.</returns>
    /// <exception cref="ImageException">The ending names no format.</exception>
    public static int For(string path, int? asked, int wanted)
    {
        if (MeasurementFile.IsArray(path)) return 32;
        var most = ImageFile.FormatOf(path) switch { Torch.ImageFormat.Png => 16, Torch.ImageFormat.Tiff => 32, _ => 8 };
        return asked ?? Math.Min(wanted, most);
    }
}
