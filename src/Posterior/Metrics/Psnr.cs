using Posterior.Imaging;
using Posterior.Torch;

namespace Posterior.Metrics;

/// <summary>
/// Peak signal-to-noise ratio for images in [0, 1]: <c>-10 log10(MSE)</c>, the mean over channels and pixels of each image; a set's value is the mean of
/// the decibels. Equal images give positive infinity.
/// </summary>
public sealed record Psnr : IMetric
{
    /// <inheritdoc/>
    public string Name => "psnr";

    /// <inheritdoc/>
    public string Unit => "dB";

    /// <inheritdoc/>
    public bool HigherIsBetter => true;

    /// <inheritdoc/>
    public double[] Compare(Tensor estimate, Tensor truth) => [.. new MeanSquaredError().Compare(estimate, truth).Select(error => -10 * Math.Log10(error))];

    /// <summary>The ratio that belongs to a mean squared error of images in [-1, 1], in decibels.</summary>
    /// <param name="meanSquare">The mean squared error.</param>
    internal static double OfSigned(double meanSquare) => 10 * Math.Log10(ValueRange.SignedPerUnit * ValueRange.SignedPerUnit / meanSquare);
}
