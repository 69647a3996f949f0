using Posterior.Diffusion;
using Posterior.Torch;

namespace Posterior.Evaluation;

/// <summary>Counts the evaluations of a denoiser, each image of a batch once.</summary>
/// <param name="inner">The denoiser.</param>
public sealed class CountedDenoiser(Denoiser inner) : Denoiser
{
    /// <summary>Evaluations so far.</summary>
    public int Evaluations { get; private set; }

    /// <inheritdoc/>
    public override long? Channels => inner.Channels;

    /// <inheritdoc/>
    public override (double Min, double Max) SigmaRange => inner.SigmaRange;

    /// <inheritdoc/>
    public override NoiseSchedule Schedule => inner.Schedule;

    /// <inheritdoc/>
    public override Tensor Denoise(Tensor x, double sigma)
    {
        Evaluations += (int)x.Size(0);
        return inner.Denoise(x, sigma);
    }

    /// <inheritdoc/>
    public override (Tensor Estimate, Tensor VarianceShare) DenoiseWithVariance(Tensor x, double sigma)
    {
        Evaluations += (int)x.Size(0);
        return inner.DenoiseWithVariance(x, sigma);
    }
}
