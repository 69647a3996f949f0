using Posterior.Imaging;
using Posterior.Torch;

namespace Posterior.Evaluation;

/// <summary>What several samples say of each pixel, for images in [0, 1].</summary>
/// <param name="Mean">The mean, <c>[1, C, H, W]</c>.</param>
/// <param name="Deviation">The standard deviation, with divisor K - 1.</param>
public sealed record SampleStatistics(Tensor Mean, Tensor Deviation)
{
    /// <summary>The statistics of samples.</summary>
    /// <param name="samples">At least two images, <c>[1, C, H, W]</c> in [-1, 1].</param>
    /// <exception cref="ArgumentException">There are fewer than two.</exception>
    public static SampleStatistics Of(IReadOnlyList<Tensor> samples)
    {
        if (samples.Count < 2) throw new ArgumentException($"a standard deviation needs two samples, found {samples.Count}", nameof(samples));
        using var scope = new Scope();
        var (mean, squares) = (samples[0].ZerosLike(), samples[0].ZerosLike());
        for (var k = 0; k < samples.Count; k++)
        {
            using var inner = new Scope();
            // Welford's update: no cancellation between large sums.
            var unit = ValueRange.ToUnit(samples[k]);
            var difference = unit - mean;
            mean.AddInPlace(difference, 1.0 / (k + 1));
            squares.AddProductInPlace(difference, unit - mean);
        }
        return new(scope.Keep(mean), scope.Keep((squares / (samples.Count - 1)).Sqrt()));
    }
}
