using Posterior.Torch;

namespace Posterior.Diffusion;

/// <summary>
/// DPM-Solver++ for the reverse stochastic differential equation in single steps (Lu et al. 2022, App. A, in the form of k-diffusion): an ancestral step to a level between, and one over the whole step
/// with the estimate extrapolated through both; two evaluations and two draws a step, one and none in the last.
/// </summary>
/// <remarks>Draws are independent; k-diffusion's Brownian tree makes them increments of one path.</remarks>
public sealed record DpmSolverSingleSde : Sampler
{
    /// <inheritdoc/>
    public override int Evaluations => 2 * StepCount - 1;

    /// <summary>How much of the noise of each step is fresh; 0 is deterministic.</summary>
    public double Eta { get; init; } = 1;

    /// <summary>r, where the level between lies: the share of the step in ln sigma, above 0 and at most 1.</summary>
    public double Between { get; init; } = 0.5;

    /// <inheritdoc/>
    protected override Func<Tensor, int, (Tensor Next, Tensor Estimate)> Begin(Denoiser prior, NoiseSource noise, Tensor first, double[] levels) => (x, i) =>
    {
        var (sigma, next) = (levels[i], levels[i + 1]);
        var estimate = prior.Denoise(x, sigma);
        if (next == 0) return (estimate, estimate);
        var middle = Math.Pow(sigma, 1 - Between) * Math.Pow(next, Between);
        var second = prior.Denoise(Step(x, estimate, sigma, middle), middle);
        return (Step(x, estimate.Lerp(second, 1 / (2 * Between)), sigma, next), estimate);

        Tensor Step(Tensor state, Tensor clean, double from, double to)
        {
            var (down, up) = Ancestral.Split(from, to, Eta);
            return clean.Lerp(state, down / from).AddInPlace(noise.NormalLike(state), up);
        }
    };
}
