using Posterior.Torch;

namespace Posterior.Diffusion;

/// <summary>Counts the evaluations of a denoiser.</summary>
/// <param name="inner">The denoiser.</param>
public sealed class CountedDenoiser(Denoiser inner) : Denoiser
{
    /// <summary>Evaluations so far, each image of a batch once.</summary>
    public int Evaluations { get; private set; }

    /// <summary>Evaluations so far, each batch once: what each of its images cost.</summary>
    public int Calls { get; private set; }

    /// <inheritdoc/>
    public override long? Channels => inner.Channels;

    /// <inheritdoc/>
    public override (double Min, double Max) SigmaRange => inner.SigmaRange;

    /// <inheritdoc/>
    public override NoiseSchedule Schedule => inner.Schedule;

    /// <inheritdoc/>
    public override Tensor Denoise(Tensor x, double sigma)
    {
        Count(x);
        return inner.Denoise(x, sigma);
    }

    /// <inheritdoc/>
    public override (Tensor Estimate, Tensor VarianceShare) DenoiseWithVariance(Tensor x, double sigma)
    {
        Count(x);
        return inner.DenoiseWithVariance(x, sigma);
    }

    private void Count(Tensor x)
    {
        Evaluations += (int)x.Size(0);
        Calls++;
    }
}
