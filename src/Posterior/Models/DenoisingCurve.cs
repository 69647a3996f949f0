using Posterior.Diffusion;
using Posterior.Torch;

namespace Posterior.Models;

/// <summary>How well a prior denoises at one noise level. All errors are mean squares per pixel, for images in [-1, 1].</summary>
/// <param name="Sigma">The standard deviation of the noise.</param>
/// <param name="Error">Of the denoised images.</param>
/// <param name="InputError">Of the noisy images: about sigma squared.</param>
/// <param name="TrivialError">Of the best multiple of the noisy images about their mean, which needs no network: <c>v sigma^2 / (v + sigma^2)</c>, v the variance of the pixels.</param>
/// <param name="Explained">1 - Error / TrivialError: near 1 for a good prior, below 0 for one whose range, prediction or schedule is not what was assumed.</param>
public sealed record DenoisingCurvePoint(double Sigma, double Error, double InputError, double TrivialError, double Explained);

/// <summary>
/// The error of a denoiser against the noise level: the proof that a checkpoint's value range, prediction type and schedule were understood. A wrong
/// guess shows at once, because the result is then worse than scaling the noisy image.
/// </summary>
public static class DenoisingCurve
{
    /// <summary><paramref name="count"/> levels in equal ratios from 0.01 (or what the denoiser is meant for) to 20.</summary>
    public static double[] Levels(Denoiser denoiser, int count = 12)
    {
        ArgumentNullException.ThrowIfNull(denoiser);
        ArgumentOutOfRangeException.ThrowIfLessThan(count, 2);
        var (low, high) = (Math.Max(0.01, denoiser.SigmaRange.Min), Math.Min(20, denoiser.SigmaRange.Max));
        // A denoiser of one level has no curve.
        if (!(low < high)) return [high];
        return [.. Enumerable.Range(0, count).Select(i => low * Math.Pow(high / low, i / (count - 1.0)))];
    }

    /// <summary>Measures a denoiser.</summary>
    /// <param name="denoiser">The prior; class-conditional ones with bound labels.</param>
    /// <param name="images">Clean images like those of its training, <c>[N, C, H, W]</c> in [-1, 1].</param>
    /// <param name="sigmas">The noise levels; null for <see cref="Levels"/>.</param>
    /// <param name="noise">The noise, drawn once for each level in turn, shaped like <paramref name="images"/>.</param>
    /// <param name="progress">Is told each point.</param>
    /// <param name="cancellation">Stops between levels.</param>
    /// <exception cref="OperationCanceledException">It was stopped.</exception>
    public static IReadOnlyList<DenoisingCurvePoint> Measure(
        Denoiser denoiser, Tensor images, IReadOnlyList<double>? sigmas, NoiseSource noise, IProgress<DenoisingCurvePoint>? progress = null, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(denoiser);
        ArgumentNullException.ThrowIfNull(noise);
        using var noGrad = new NoGrad();
        using var scope = new Scope();
        var variance = images.Variance([0, 1, 2, 3], correction: 0).Item();
        var points = new List<DenoisingCurvePoint>();
        foreach (var sigma in sigmas ?? Levels(denoiser))
        {
            cancellation.ThrowIfCancellationRequested();
            using var level = new Scope();
            var noisy = images + noise.Normal(images.Shape, images.DType, images.Device) * sigma;
            var error = (denoiser.Denoise(noisy, sigma) - images).Square().Mean().Item();
            var trivial = variance * sigma * sigma / (variance + sigma * sigma);
            var point = new DenoisingCurvePoint(sigma, error, (noisy - images).Square().Mean().Item(), trivial, 1 - error / trivial);
            points.Add(point);
            progress?.Report(point);
        }
        return points;
    }
}
