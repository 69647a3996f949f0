using System.Globalization;
using Posterior.Imaging;
using Posterior.Torch;

namespace Posterior.Evaluation;

/// <summary>Floating-point files may hold NaN and infinities, which no result survives.</summary>
internal static class FiniteValues
{
    /// <summary>Loads an image.</summary>
    /// <returns>As <see cref="ImageFile.Load(string)"/>.</returns>
    /// <exception cref="ImageException">The file cannot be read, or holds NaN or infinities.</exception>
    public static Tensor LoadImage(string path)
    {
        var image = ImageFile.Load(path);
        return Problem(image) is { } problem ? throw new ImageException($"image '{path}' {problem}") : image;
    }

    /// <summary>What is wrong with a file of such values, as the end of a sentence; null where all are finite.</summary>
    public static string? Problem(Tensor values)
    {
        using var scope = new Scope();
        var broken = values.Count - values.IsFinite().To(DType.Int64).Sum().Item();
        return broken > 0 ? string.Create(CultureInfo.InvariantCulture, $"holds {broken} values of {values.Count} that are NaN or infinite") : null;
    }
}
