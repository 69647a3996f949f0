using Posterior.Torch;

namespace Posterior.Diffusion;

/// <summary>
/// Classifier guidance (Dhariwal and Nichol 2021, Alg. 2): <c>eps - sqrt(1 - abar) s grad ln p(y | x_t)</c>, which for the
/// variance-exploding state is <c>D + sigma^2 s grad_x ln p(y | x)</c>.
/// </summary>
/// <param name="inner">The prior, conditional on the same class or not.</param>
/// <param name="classifier">The classifier of noisy images.</param>
/// <param name="labels">One class for the whole batch, or one for each image.</param>
/// <param name="scale">The guidance scale s; 0 switches it off.</param>
public sealed class ClassifierGuidedDenoiser(Denoiser inner, IClassifier classifier, long[] labels, double scale = 1) : Denoiser
{
    /// <inheritdoc/>
    public override long? Channels => inner.Channels;

    /// <inheritdoc/>
    public override (double Min, double Max) SigmaRange => inner.SigmaRange;

    /// <inheritdoc/>
    public override Tensor Denoise(Tensor x, double sigma)
    {
        using var scope = new Scope();
        var denoised = inner.Denoise(x, sigma);
        return scope.Keep(scale == 0 ? denoised : denoised.AddScaled(classifier.LogProbabilityGradient(x, sigma, labels), sigma * sigma * scale));
    }
}
