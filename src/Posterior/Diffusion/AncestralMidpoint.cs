using Posterior.Torch;

namespace Posterior.Diffusion;

/// <summary>
/// A sampler of second order with ancestral noise, as in k-diffusion: a deterministic step to a level below the next one, with a second evaluation at the geometric mean of both, then fresh noise that
/// leads up again; two evaluations a step, one in the last.
/// </summary>
public abstract record AncestralMidpoint : Sampler
{
    /// <inheritdoc/>
    public override int Evaluations => 2 * StepCount - 1;

    /// <summary>How much of the noise of each step is fresh; 0 is deterministic.</summary>
    public double Eta { get; init; } = 1;

    /// <summary>The standard deviation of the fresh noise, relative: s_noise of k-diffusion.</summary>
    public double NoiseScale { get; init; } = 1;

    /// <inheritdoc/>
    protected sealed override Func<Tensor, int, (Tensor Next, Tensor Estimate)> Begin(Denoiser prior, NoiseSource noise, Tensor first, double[] levels) => (x, i) =>
    {
        var (sigma, next) = (levels[i], levels[i + 1]);
        var estimate = prior.Denoise(x, sigma);
        var (down, up) = Ancestral.Split(sigma, next, Eta);
        if (down == 0) return (next == 0 ? estimate : estimate.AddScaled(noise.NormalLike(x), NoiseScale * up), estimate);
        var middle = Math.Sqrt(sigma * down);
        var half = estimate.Lerp(x, middle / sigma);
        return (Step(x, sigma, half, prior.Denoise(half, middle), middle, down).AddInPlace(noise.NormalLike(x), NoiseScale * up), estimate);
    };

    /// <summary>The deterministic step, a new tensor.</summary>
    /// <param name="x">The state, <c>[N, C, H, W]</c>.</param>
    /// <param name="sigma">Its noise level.</param>
    /// <param name="half">The state at the level between.</param>
    /// <param name="refined">The estimate of the clean image there.</param>
    /// <param name="middle">The level between.</param>
    /// <param name="down">The level that the step leads to.</param>
    private protected abstract Tensor Step(Tensor x, double sigma, Tensor half, Tensor refined, double middle, double down);
}

/// <summary>DPM-Solver-2 (Lu et al. 2022, Alg. 1) with ancestral noise: the whole step with the slope of the level between.</summary>
public sealed record DpmSolver2Ancestral : AncestralMidpoint
{
    private protected override Tensor Step(Tensor x, double sigma, Tensor half, Tensor refined, double middle, double down) => x.AddScaled(half - refined, (down - sigma) / middle);
}

/// <summary>DPM-Solver++(2S) (Lu et al. 2022, Alg. 1) with ancestral noise: the whole step with the estimate of the level between.</summary>
public sealed record DpmSolver2S : AncestralMidpoint
{
    private protected override Tensor Step(Tensor x, double sigma, Tensor half, Tensor refined, double middle, double down) => refined.Lerp(x, down / sigma);
}
