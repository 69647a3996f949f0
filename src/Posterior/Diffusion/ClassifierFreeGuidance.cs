using Posterior.Torch;

namespace Posterior.Diffusion;

/// <summary>
/// Guidance by a second prior: <c>G + weight (D - G)</c>. With the unconditional form of the same network it is classifier-free
/// guidance (Ho, Salimans 2022), with a weaker network autoguidance (Karras et al. 2024).
/// </summary>
/// <param name="prior">D, the prior that is wanted.</param>
/// <param name="guide">G, the prior that is moved away from.</param>
/// <param name="weight">1 is D alone, 0 is G alone, above 1 extrapolates.</param>
public sealed class ClassifierFreeGuidance(Denoiser prior, Denoiser guide, double weight) : Denoiser
{
    /// <inheritdoc/>
    public override long? Channels => prior.Channels ?? guide.Channels;

    /// <inheritdoc/>
    public override (double Min, double Max) SigmaRange =>
        (Math.Max(prior.SigmaRange.Min, guide.SigmaRange.Min), Math.Min(prior.SigmaRange.Max, guide.SigmaRange.Max));

    /// <inheritdoc/>
    public override NoiseSchedule Schedule => prior.Schedule;

    /// <inheritdoc/>
    public override Tensor Denoise(Tensor x, double sigma)
    {
        if (weight == 1) return prior.Denoise(x, sigma);
        using var scope = new Scope();
        return scope.Keep(guide.Denoise(x, sigma).Lerp(prior.Denoise(x, sigma), weight));
    }
}
