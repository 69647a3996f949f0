using Posterior.Torch;

namespace Posterior.Diffusion;

/// <summary>DPM-Solver-2 (Lu et al. 2022, Alg. 1) with ancestral noise, as in k-diffusion: the slope at the geometric mean of this level and the one that fresh noise is added to; two evaluations a step, one in the last.</summary>
public sealed record DpmSolver2Ancestral : Sampler
{
    /// <inheritdoc/>
    public override int Evaluations => 2 * StepCount - 1;

    /// <summary>How much of the noise of each step is fresh; 0 is deterministic.</summary>
    public double Eta { get; init; } = 1;

    /// <summary>The standard deviation of the fresh noise, relative: s_noise of k-diffusion.</summary>
    public double NoiseScale { get; init; } = 1;

    /// <inheritdoc/>
    protected override Func<Tensor, int, (Tensor Next, Tensor Estimate)> Begin(Denoiser prior, NoiseSource noise, Tensor first, double[] levels) => (x, i) =>
    {
        var (sigma, next) = (levels[i], levels[i + 1]);
        var estimate = prior.Denoise(x, sigma);
        var (down, up) = Ancestral.Split(sigma, next, Eta);
        if (down == 0) return (next == 0 ? estimate : estimate.AddScaled(noise.NormalLike(x), NoiseScale * up), estimate);
        var middle = Math.Sqrt(sigma * down);
        var half = estimate.Lerp(x, middle / sigma);
        var slope = half - prior.Denoise(half, middle);
        return (x.AddScaled(slope, (down - sigma) / middle).AddInPlace(noise.NormalLike(x), NoiseScale * up), estimate);
    };
}
