using Posterior.Torch;

namespace Posterior.Diffusion;

/// <summary>What steers a prior: the gradient of the log-probability of what is wanted, for a noisy image.</summary>
public interface IClassifierGuide
{
    /// <summary><c>grad_x log p(wanted | x_t)</c>.</summary>
    /// <param name="x">Noisy images in variance-preserving form, <c>[N, C, H, W]</c>: what a noisy classifier was trained on.</param>
    /// <param name="sigma">Their noise level in variance-exploding form, so <c>abar = 1 / (1 + sigma^2)</c>.</param>
    /// <returns>Of the shape and type of <paramref name="x"/>.</returns>
    Tensor Gradient(Tensor x, double sigma);
}

/// <summary>
/// Classifier guidance (Dhariwal, Nichol 2021, Alg. 2): <c>eps - sqrt(1 - abar) scale grad log p(y | x_t)</c>, evaluated at the current state. Any solver
/// with this prior is its class-conditional form, as DDRM-CC.
/// </summary>
/// <param name="prior">The unconditional prior.</param>
/// <param name="guide">The gradient.</param>
/// <param name="scale">How strongly; 1 is Bayes' rule.</param>
public sealed class ClassifierGuidance(Denoiser prior, IClassifierGuide guide, double scale = 1) : Denoiser
{
    /// <inheritdoc/>
    public override long? Channels => prior.Channels;

    /// <inheritdoc/>
    public override (double Min, double Max) SigmaRange => prior.SigmaRange;

    /// <inheritdoc/>
    public override NoiseSchedule Schedule => prior.Schedule;

    /// <inheritdoc/>
    public override Tensor Denoise(Tensor x, double sigma)
    {
        using var scope = new Scope();
        return scope.Keep(Guided(prior.Denoise(x, sigma), x, sigma));
    }

    /// <inheritdoc/>
    public override (Tensor Estimate, Tensor VarianceShare) DenoiseWithVariance(Tensor x, double sigma)
    {
        using var scope = new Scope();
        var (estimate, share) = prior.DenoiseWithVariance(x, sigma);
        return (scope.Keep(Guided(estimate, x, sigma)), scope.Keep(share));
    }

    private Tensor Guided(Tensor estimate, Tensor x, double sigma)
    {
        var shrink = 1 / Math.Sqrt(1 + sigma * sigma);
        // x0 = x - sigma eps, and sqrt(1 - abar) = sigma / sqrt(1 + sigma^2).
        return estimate.AddScaled(guide.Gradient(x * shrink, sigma), scale * sigma * sigma * shrink);
    }
}
