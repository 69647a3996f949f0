using Posterior.Diffusion;
using Posterior.Operators;
using Posterior.Torch;

namespace Posterior.Solvers;

/// <summary>Which measure of the misfit DPS descends on.</summary>
public enum DpsGuidance
{
    /// <summary><c>|y - H x^0|</c>, as in the authors' code: steps of a length that does not depend on the misfit (Alg. 1 with <c>zeta_i = zeta' / |y - H x^0|</c>, zeta = 2 zeta').</summary>
    Norm,

    /// <summary><c>|y - H x^0|^2</c>, with the step size <c>sqrt(abar abar')</c> of the comparison in the RED-diff repository.</summary>
    SquaredNorm,

    /// <summary><c>|y - H x^0|</c> times the mean of <c>1 / |y|</c>: the authors' code for Poisson noise (after Alg. 2).</summary>
    PoissonNorm,
}

/// <summary>
/// Diffusion posterior sampling (Chung, Kim, McCann, Klasky, Ye 2023, Alg. 1): after each unconditional step the state descends on the misfit of its estimate,
/// differentiated through the denoiser. It takes any operator; one that is not linear is differentiated too.
/// </summary>
/// <remarks>Where the authors' code takes one norm of the whole batch, which ties its images together, each image has its own here. The gradient passes through the clamp, as in the code.</remarks>
public sealed record Dps() : ScheduledSolver<ForwardOperator>(1000)
{
    /// <summary>Its line in the catalogue.</summary>
    public static SolverEntry Entry { get; } = SolverEntry.Of(new Dps(), "any operator, linear or not; slow, differentiates the network", "Chung et al. 2023, arXiv:2209.14687")
        .Whole("steps", s => s.Steps, (s, v) => s with { Steps = v })
        .Number("eta", s => s.Eta, (s, v) => s with { Eta = v })
        .Number("zeta", s => s.Zeta, (s, v) => s with { Zeta = v })
        .Flag("clip", s => s.Clip, (s, v) => s with { Clip = v })
        .Schedule("process", s => s.Schedule, (s, v) => s with { Schedule = v });

    /// <inheritdoc/>
    public override string Name => "dps";

    /// <inheritdoc/>
    public override bool HandlesNoise => true;

    /// <inheritdoc/>
    public override bool DifferentiatesPrior => true;

    /// <summary>The length of the descent; the paper has 0.3 to 3, by task.</summary>
    public double Zeta { get; init; } = 1;

    /// <summary>How much of the noise of each step is fresh: 1 is DDPM, 0 the deterministic DDIM.</summary>
    public double Eta { get; init; } = 1;

    /// <summary>Whether the estimate is limited to [-1, 1].</summary>
    public bool Clip { get; init; } = true;

    /// <summary>The variance of the noise; other than the posterior's with <see cref="Eta"/> 1 only.</summary>
    public StepVariance Variance { get; init; }

    /// <summary>The misfit.</summary>
    public DpsGuidance Guidance { get; init; } = DpsGuidance.Norm;

    /// <summary>Where the diffusion starts.</summary>
    public StartingPoint Start { get; init; } = StartingPoint.Noise;

    /// <inheritdoc/>
    public override string Remedy => "lower zeta";

    /// <inheritdoc/>
    protected override IEnumerable<string> Problems() =>
    [
        .. base.Problems(), .. Between("zeta", Zeta, 0, 100), .. Between("eta", Eta, 0, 1),
        .. Variance != StepVariance.Posterior && Eta != 1 ? ["a variance other than the posterior's needs eta 1"] : Array.Empty<string>(),
    ];

    /// <inheritdoc/>
    protected override Restoration Run(
        IMeasurement<ForwardOperator> measurement, Denoiser prior, NoiseSource noise, IProgress<SolverStep>? progress, CancellationToken cancellation)
    {
        var (y, h) = (measurement.Data, measurement.Operator);
        var (schedule, levels) = LevelsFor(prior);
        var count = levels.Length - 1;
        var x = Start.First(this, h, y, noise, schedule, levels[0]);
        for (var i = 0; i < count; i++)
        {
            cancellation.ThrowIfCancellationRequested();
            using var step = new Scope();
            var (sigma, next) = (levels[i], levels[i + 1]);
            var (estimate, descent, share) = DenoiserGradient.PullBack(prior, x, sigma, Clip, x0 => Descent(h, y, x0), Variance == StepVariance.Learned);
            progress?.Report(new(i, count, sigma, estimate));
            var up = Eta * Ancestral.PosteriorDeviation(sigma, next);
            var result = Ancestral.Mean(x, estimate, sigma, next, up);
            // The last draw is multiplied by 0, but it is drawn.
            var z = noise.NormalLike(x);
            if (next > 0 && Variance == StepVariance.Posterior) result.AddInPlace(z, up);
            else if (next > 0) Ancestral.AddNoise(result, z, sigma, next, Variance, share);
            step.Replace(ref x, result.AddInPlace(descent, Zeta * Scale(sigma, next)));
        }
        return new(x, count);
    }

    // Minus the gradient of the misfit with respect to the estimate.
    private Tensor Descent(ForwardOperator h, Tensor y, Tensor estimate)
    {
        using var scope = new Scope();
        var (residual, back) = DenoiserGradient.Residual(h, y, estimate);
        if (Guidance == DpsGuidance.SquaredNorm) return scope.Keep(back * 2);
        var result = back / DenoiserGradient.NormOfEach(residual);
        // Half a grey level of 8 bits stands for 0, which the code would divide by.
        if (Guidance == DpsGuidance.PoissonNorm) result = result * y.Abs().Clamp(1 / 255.0, null).Reciprocal().Reshape(y.Size(0), -1).Mean([1]).Reshape(-1, 1, 1, 1);
        return scope.Keep(result);
    }

    // The code descends in the variance-preserving state: x' / sqrt(abar') and d/dx = sqrt(1 + sigma^2) d/d(x / sqrt(abar)). For the squared norm both cancel.
    private double Scale(double sigma, double next) => Guidance == DpsGuidance.SquaredNorm ? 1 : Math.Sqrt((1 + sigma * sigma) * (1 + next * next));
}
