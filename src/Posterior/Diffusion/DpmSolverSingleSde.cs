using Posterior.Torch;

namespace Posterior.Diffusion;

/// <summary>
/// DPM-Solver++ for the reverse stochastic differential equation in single steps (Lu et al. 2022, App. A, in the form of k-diffusion): an ancestral step to a level between, and one over the whole step
/// with the estimate extrapolated through both; two evaluations and two draws a step, one and none in the last.
/// </summary>
public sealed record DpmSolverSingleSde : Sampler
{
    /// <inheritdoc/>
    public override int Evaluations => 2 * StepCount - 1;

    /// <inheritdoc cref="AncestralMidpoint.Eta"/>
    public double Eta { get; init; } = 1;

    /// <inheritdoc cref="AncestralMidpoint.NoiseScale"/>
    public double NoiseScale { get; init; } = 1;

    /// <summary>r, where the level between lies: the share of the step in ln sigma, above 0 and at most 1.</summary>
    public double Between { get; init; } = 0.5;

    /// <summary>
    /// Whether both draws of a step are increments of one Brownian path over sigma, as with k-diffusion's tree, so that the estimate between knows of the noise that is added. Independent ones lose
    /// a tenth of the spread of a normal prior in 50 steps.
    /// </summary>
    public bool OnePath { get; init; } = true;

    /// <inheritdoc/>
    protected override Func<Tensor, int, (Tensor Next, Tensor Estimate)> Begin(Denoiser prior, NoiseSource noise, Tensor first, double[] levels) => (x, i) =>
    {
        var (sigma, next) = (levels[i], levels[i + 1]);
        var estimate = prior.Denoise(x, sigma);
        if (next == 0) return (estimate, estimate);
        var middle = Math.Pow(sigma, 1 - Between) * Math.Pow(next, Between);
        var draw = noise.NormalLike(x);
        var second = prior.Denoise(Step(estimate, middle), middle);
        // The correlation of two increments that begin together.
        var shared = OnePath ? Math.Sqrt((sigma - middle) / (sigma - next)) : 0;
        draw = (draw * shared).AddInPlace(noise.NormalLike(x), Math.Sqrt(1 - shared * shared));
        return (Step(estimate.Lerp(second, 1 / (2 * Between)), next), estimate);

        Tensor Step(Tensor clean, double to)
        {
            var (down, up) = Ancestral.Split(sigma, to, Eta);
            return clean.Lerp(x, down / sigma).AddInPlace(draw, NoiseScale * up);
        }
    };
}
