using Posterior.Diffusion;
using Posterior.Operators;
using Posterior.Torch;

namespace Posterior.Solvers;

/// <summary>The two published forms of MCG.</summary>
public enum McgForm
{
    /// <summary>
    /// The code of the DPS authors: descent on <c>|y - H x^0|</c>, then the state is projected on the measurement with noise of the level that the step came from.
    /// </summary>
    Norm,

    /// <summary>
    /// The paper (and the RED-diff repository): descent on <c>|H^+ (y - H x^0)|^2</c> where nothing was measured, and the measured part is the measurement with noise of the level that the step goes to.
    /// </summary>
    SquaredNorm,
}

/// <summary>
/// Manifold constrained gradient (Chung, Sim, Ryu, Ye 2022): DPS' descent through the denoiser, followed by a projection of the state on the measurement,
/// noised like the state. For measurements without noise.
/// </summary>
/// <remarks>In the DPS authors' code the projection for inpainting has the parts of the mask the wrong way round and a wrong sign; the intended one is used.</remarks>
public sealed record Mcg() : ScheduledSolver<LinearOperator>(1000)
{
    /// <summary>Its line in the catalogue.</summary>
    public static SolverEntry Entry { get; } = SolverEntry.Of(new Mcg(), "DPS with a projection on the measurement, without noise", "Chung et al. 2022, arXiv:2206.00941")
        .Whole("steps", s => s.Steps, (s, v) => s with { Steps = v })
        .Number("eta", s => s.Eta, (s, v) => s with { Eta = v })
        .Number("zeta", s => s.Zeta, (s, v) => s with { Zeta = v })
        .Flag("clip", s => s.Clip, (s, v) => s with { Clip = v })
        .Schedule("process", s => s.Schedule, (s, v) => s with { Schedule = v });

    /// <inheritdoc/>
    public override string Name => "mcg";

    /// <inheritdoc/>
    public override bool HandlesNoise => false;

    /// <inheritdoc/>
    public override bool DifferentiatesPrior => true;

    /// <summary>The length of the descent.</summary>
    public double Zeta { get; init; } = 0.5;

    /// <summary>How much of the noise of each step is fresh: 1 is DDPM, 0 the deterministic DDIM.</summary>
    public double Eta { get; init; } = 1;

    /// <summary>Whether the estimate is limited to [-1, 1].</summary>
    public bool Clip { get; init; } = true;

    /// <summary>The variance of the noise; other than the posterior's with <see cref="Eta"/> 1 only.</summary>
    public StepVariance Variance { get; init; }

    /// <summary>Which published form.</summary>
    public McgForm Form { get; init; } = McgForm.Norm;

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
        IMeasurement<LinearOperator> measurement, Denoiser prior, NoiseSource noise, IProgress<SolverStep>? progress, CancellationToken cancellation)
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
            var moved = Ancestral.Mean(x, estimate, sigma, next, up);
            var fresh = noise.NormalLike(x);
            if (next == 0 || Variance == StepVariance.Posterior) moved.AddInPlace(fresh, up);
            else Ancestral.AddNoise(moved, fresh, sigma, next, Variance, share);
            if (Form == McgForm.Norm)
            {
                // Both factors come from the variance-preserving state, as in Dps; the measurement has abar of the level before the step.
                moved.AddInPlace(descent, Zeta * Math.Sqrt((1 + sigma * sigma) * (1 + next * next)));
                var noised = y.AddScaled(noise.NormalLike(y), sigma) * Math.Sqrt((1 + next * next) / (1 + sigma * sigma));
                step.Replace(ref x, h.Project(moved, noised));
                continue;
            }
            moved.AddInPlace(descent - h.PseudoInverse(h.Apply(descent)), Zeta * Math.Sqrt(1 + next * next));
            var z = noise.NormalLike(x);
            // What was measured is H^+ y + sigma' z, the rest stays.
            step.Replace(ref x, h.Project(moved - z * next, y).AddScaled(z, next));
        }
        return new(x, count);
    }

    // Minus the gradient of the misfit with respect to the estimate.
    private Tensor Descent(LinearOperator h, Tensor y, Tensor estimate)
    {
        using var scope = new Scope();
        if (Form == McgForm.SquaredNorm) return scope.Keep(h.PseudoInverse(y - h.Apply(estimate)) * 2);
        var (residual, back) = DenoiserGradient.Residual(h, y, estimate);
        return scope.Keep(back / DenoiserGradient.NormOfEach(residual));
    }
}
