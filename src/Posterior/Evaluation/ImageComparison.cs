using System.Globalization;
using Posterior.Imaging;
using Posterior.Metrics;
using Posterior.Torch;

namespace Posterior.Evaluation;

/// <summary>How close one image file is to another.</summary>
/// <param name="Name">The first file, relative to its folder.</param>
/// <param name="Psnr">In decibels; infinite for equal images.</param>
/// <param name="Ssim">Wang et al. 2004; null for images smaller than its window.</param>
/// <param name="Largest">The largest difference of a value, for images in [0, 1].</param>
public sealed record ImageComparison(string Name, double Psnr, double? Ssim, double Largest)
{
    private const long SsimWindow = 11;

    /// <summary>Compares two files. A grey image is compared with a colour one as a colour image of equal channels.</summary>
    /// <param name="estimate">The first file.</param>
    /// <param name="truth">The second file.</param>
    /// <param name="name">What the pair is called.</param>
    /// <exception cref="ImageException">A file cannot be read, holds NaN or infinities, or the sizes differ.</exception>
    public static ImageComparison Of(string estimate, string truth, string name)
    {
        using var noGrad = new NoGrad();
        using var scope = new Scope();
        var (a, b) = (FiniteValues.LoadImage(estimate), FiniteValues.LoadImage(truth));
        if (a.Size(2) != b.Size(2) || a.Size(3) != b.Size(3))
            throw new ImageException(string.Create(CultureInfo.InvariantCulture, $"'{estimate}' is {a.Size(3)}x{a.Size(2)} and '{truth}' is {b.Size(3)}x{b.Size(2)}; images to compare are of one size"));
        if (a.Size(1) != b.Size(1)) (a, b) = (Colour.ToColour(a).Contiguous(), Colour.ToColour(b).Contiguous());
        var ssim = Math.Min(a.Size(2), a.Size(3)) >= SsimWindow ? new Ssim().Compare(a, b)[0] : (double?)null;
        return new(name, new Psnr().Compare(a, b)[0], ssim, (a - b).Abs().Max().Item());
    }
}
