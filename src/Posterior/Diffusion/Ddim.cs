using Posterior.Torch;

namespace Posterior.Diffusion;

/// <summary>
/// Denoising diffusion implicit models (Song, Meng, Ermon 2021, Eq. 12, 16), written for the variance-exploding state:
/// <c>x' = x^0 + sqrt(sigma'^2 - up^2) e + up z</c>, <c>up^2 = eta^2 sigma'^2 (sigma^2 - sigma'^2) / sigma^2</c>.
/// On another schedule it is the Euler ancestral sampler.
/// </summary>
public sealed record Ddim : Sampler
{
    /// <summary>0 is deterministic, 1 draws as much noise as DDPM.</summary>
    public double Eta { get; init; }

    /// <summary>Whether the estimate is limited to [-1, 1], and the predicted noise recomputed from it.</summary>
    public bool Clip { get; init; } = true;

    /// <inheritdoc/>
    protected override NoiseSchedule DefaultSchedule => VpSchedule.Linear();

    /// <inheritdoc/>
    protected override Func<Tensor, int, (Tensor Next, Tensor Estimate)> Begin(Denoiser prior, NoiseSource noise, Tensor first, double[] levels) =>
        (x, i) => Ancestral.Step(prior, noise, x, levels[i], levels[i + 1], Eta * Ancestral.PosteriorDeviation(levels[i], levels[i + 1]), null, Clip);
}

/// <summary>
/// Denoising diffusion probabilistic models (Ho, Jain, Abbeel 2020, Alg. 2). The mean is DDIM's with eta 1; the variance is a choice.
/// </summary>
public sealed record Ddpm : Sampler
{
    /// <summary>Whether the noise has the variance beta of the forward step instead of the posterior's (DDPM Sec. 3.2).</summary>
    public bool LargeVariance { get; init; }

    /// <summary>Whether the estimate is limited to [-1, 1].</summary>
    public bool Clip { get; init; } = true;

    /// <inheritdoc/>
    protected override NoiseSchedule DefaultSchedule => VpSchedule.Linear();

    /// <inheritdoc/>
    protected override Func<Tensor, int, (Tensor Next, Tensor Estimate)> Begin(Denoiser prior, NoiseSource noise, Tensor first, double[] levels) => (x, i) =>
    {
        var (sigma, next) = (levels[i], levels[i + 1]);
        return Ancestral.Step(prior, noise, x, sigma, next, Ancestral.PosteriorDeviation(sigma, next), LargeVariance ? Ancestral.ForwardDeviation(sigma, next) : null, Clip);
    };
}

internal static class Ancestral
{
    /// <summary>The standard deviation of the state at the next level given this one and the clean image.</summary>
    public static double PosteriorDeviation(double sigma, double next) => next * Math.Sqrt((sigma * sigma - next * next) / (sigma * sigma));

    /// <summary>
    /// The square root of beta for the state divided by <c>sqrt(abar')</c>: <c>beta = 1 - abar / abar' = (sigma^2 - sigma'^2) / (1 + sigma^2)</c>.
    /// </summary>
    public static double ForwardDeviation(double sigma, double next) => Math.Sqrt((sigma * sigma - next * next) / (1 + sigma * sigma) * (1 + next * next));

    /// <summary>One step: <paramref name="up"/> is the noise that the mean makes room for, <paramref name="drawn"/> what is added in its place.</summary>
    public static (Tensor Next, Tensor Estimate) Step(
        Denoiser prior, NoiseSource noise, Tensor x, double sigma, double next, double up, double? drawn, bool clip)
    {
        var estimate = prior.Denoise(x, sigma);
        var kept = clip ? estimate.Clamp(-1, 1) : estimate;
        var result = Mean(x, kept, sigma, next, up);
        if (next > 0) result.AddInPlace(noise.NormalLike(x), drawn ?? up);
        return (result, kept);
    }

    /// <summary>The next state without its noise: <c>x^0 + sqrt(sigma'^2 - up^2) e</c> with <c>e = (x - x^0) / sigma</c>.</summary>
    public static Tensor Mean(Tensor x, Tensor estimate, double sigma, double next, double up) => estimate.Lerp(x, Math.Sqrt(next * next - up * up) / sigma);
}
