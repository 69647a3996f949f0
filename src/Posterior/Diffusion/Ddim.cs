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

    /// <inheritdoc cref="AncestralMidpoint.NoiseScale"/>
    public double NoiseScale { get; init; } = 1;

    /// <summary>Whether the estimate is limited to [-1, 1], and the predicted noise recomputed from it.</summary>
    public bool Clip { get; init; } = true;

    /// <inheritdoc/>
    protected override NoiseSchedule DefaultSchedule => VpSchedule.Linear();

    /// <inheritdoc/>
    protected override Func<Tensor, int, (Tensor Next, Tensor Estimate)> Begin(Denoiser prior, NoiseSource noise, Tensor first, double[] levels) =>
        (x, i) => Ancestral.Step(prior, noise, x, levels[i], levels[i + 1], Ancestral.Split(levels[i], levels[i + 1], Eta).Up, NoiseScale, Clip);

    /// <summary>
    /// The way back: the noise from which the deterministic sampler makes an image (Song, Meng, Ermon 2021, Sec. 4.3), by the same differential equation walked upward.
    /// </summary>
    /// <param name="prior">The prior.</param>
    /// <param name="image"><c>[N, C, H, W]</c> in [-1, 1], taken for the variance-preserving state of the lowest level.</param>
    /// <param name="progress">Told of every step.</param>
    /// <param name="cancellation">Stops between steps.</param>
    /// <returns>About standard normal, of the shape of the image: the direction in which the highest level's state lies from its estimate.</returns>
    /// <exception cref="OperationCanceledException">The work was cancelled.</exception>
    public Tensor Invert(Denoiser prior, Tensor image, IProgress<SamplerStep>? progress = null, CancellationToken cancellation = default)
    {
        using var scope = new Scope();
        using var noGrad = new NoGrad();
        var schedule = Schedule ?? DefaultSchedule;
        var levels = schedule.Levels(Steps, prior.SigmaRange)[..^1];
        Array.Reverse(levels);
        var x = image * schedule.InitialScale(levels[0]);
        for (var i = 0; ; i++)
        {
            cancellation.ThrowIfCancellationRequested();
            using var step = new Scope();
            var denoised = prior.Denoise(x, levels[i]);
            var estimate = Clip ? denoised.Clamp(-1, 1) : denoised;
            progress?.Report(new(i, levels.Length, levels[i], estimate));
            var direction = (x - estimate) * (1 / levels[i]);
            if (i == levels.Length - 1) return scope.Keep(step.Keep(direction));
            step.Replace(ref x, estimate.AddScaled(direction, levels[i + 1]));
        }
    }
}

/// <summary>
/// Denoising diffusion probabilistic models (Ho, Jain, Abbeel 2020, Alg. 2). The mean is DDIM's with eta 1; the variance is a choice.
/// </summary>
public sealed record Ddpm : Sampler
{
    /// <summary>The variance of the noise.</summary>
    public StepVariance Variance { get; init; }

    /// <summary>Whether the estimate is limited to [-1, 1].</summary>
    public bool Clip { get; init; } = true;

    /// <inheritdoc/>
    protected override NoiseSchedule DefaultSchedule => VpSchedule.Linear();

    /// <inheritdoc/>
    protected override Func<Tensor, int, (Tensor Next, Tensor Estimate)> Begin(Denoiser prior, NoiseSource noise, Tensor first, double[] levels) => (x, i) =>
    {
        var (sigma, next) = (levels[i], levels[i + 1]);
        var (estimate, share) = Variance == StepVariance.Learned ? prior.DenoiseWithVariance(x, sigma) : (prior.Denoise(x, sigma), null);
        var kept = Clip ? estimate.Clamp(-1, 1) : estimate;
        var result = Ancestral.Mean(x, kept, sigma, next, Ancestral.PosteriorDeviation(sigma, next));
        if (next > 0) Ancestral.AddNoise(result, noise.NormalLike(x), sigma, next, Variance, share);
        return (result, kept);
    };
}

/// <summary>How much noise an ancestral step adds (Ho, Jain, Abbeel 2020, Sec. 3.2).</summary>
public enum StepVariance
{
    /// <summary>The variance of the state below given this one and the clean image.</summary>
    Posterior,

    /// <summary>beta, the variance of the forward step: larger.</summary>
    Forward,

    /// <summary>Between the two, as the network learned it (Nichol, Dhariwal 2021, Eq. 15); needs <see cref="Denoiser.DenoiseWithVariance"/>.</summary>
    Learned,
}

internal static class Ancestral
{
    /// <summary>The standard deviation of the state at the next level given this one and the clean image.</summary>
    public static double PosteriorDeviation(double sigma, double next) => next * Math.Sqrt((sigma * sigma - next * next) / (sigma * sigma));

    /// <summary>A step to a level as one further down, and fresh noise that leads up again: <c>down^2 + up^2 = sigma'^2</c>.</summary>
    public static (double Down, double Up) Split(double sigma, double next, double eta)
    {
        var up = Math.Min(next, eta * PosteriorDeviation(sigma, next));
        return (Math.Sqrt(next * next - up * up), up);
    }

    /// <summary>
    /// The square root of beta for the state divided by <c>sqrt(abar')</c>: <c>beta = 1 - abar / abar' = (sigma^2 - sigma'^2) / (1 + sigma^2)</c>.
    /// </summary>
    public static double ForwardDeviation(double sigma, double next) => Math.Sqrt((sigma * sigma - next * next) / (1 + sigma * sigma) * (1 + next * next));

    /// <summary>One step with the noise <paramref name="up"/>, of which <paramref name="scale"/> times as much is added as the mean leaves room for.</summary>
    public static (Tensor Next, Tensor Estimate) Step(Denoiser prior, NoiseSource noise, Tensor x, double sigma, double next, double up, double scale, bool clip)
    {
        var estimate = prior.Denoise(x, sigma);
        var kept = clip ? estimate.Clamp(-1, 1) : estimate;
        var result = Mean(x, kept, sigma, next, up);
        if (next > 0) result.AddInPlace(noise.NormalLike(x), scale * up);
        return (result, kept);
    }

    /// <summary>Adds noise of a variance to the mean of a step of eta 1; <paramref name="share"/> is that of <see cref="Denoiser.DenoiseWithVariance"/>.</summary>
    public static void AddNoise(Tensor mean, Tensor z, double sigma, double next, StepVariance variance, Tensor? share)
    {
        var (low, high) = (PosteriorDeviation(sigma, next), ForwardDeviation(sigma, next));
        // exp((v ln high^2 + (1 - v) ln low^2) / 2).
        if (variance == StepVariance.Learned) mean.AddProductInPlace(z, (share! * Math.Log(high / low)).Exp(), low);
        else mean.AddInPlace(z, variance == StepVariance.Forward ? high : low);
    }

    /// <summary>The next state without its noise: <c>x^0 + sqrt(sigma'^2 - up^2) e</c> with <c>e = (x - x^0) / sigma</c>.</summary>
    public static Tensor Mean(Tensor x, Tensor estimate, double sigma, double next, double up) => estimate.Lerp(x, Math.Sqrt(next * next - up * up) / sigma);
}
