using Posterior.Diffusion;
using Posterior.Operators;
using Posterior.Torch;

namespace Posterior.Solvers;

/// <summary>What DPS and MCG share (Chung et al. 2022, 2023): unconditional steps of a diffusion, each followed by a descent on the misfit of its estimate, differentiated through the denoiser.</summary>
/// <typeparam name="TOperator">The rung that the method needs.</typeparam>
public abstract record DescendingSolver<TOperator>() : ScheduledSolver<TOperator>(1000)
    where TOperator : ForwardOperator
{
    /// <inheritdoc/>
    public override bool DifferentiatesPrior => true;

    /// <summary>The length of the descent.</summary>
    public double Zeta { get; init; } = 1;

    /// <summary>How much of the noise of each step is fresh: 1 is DDPM, 0 the deterministic DDIM.</summary>
    public double Eta { get; init; } = 1;

    /// <summary>Whether the estimate is limited to [-1, 1].</summary>
    public bool Clip { get; init; } = true;

    /// <summary>The variance of the noise; other than the posterior's with <see cref="Eta"/> 1 only.</summary>
    public StepVariance Variance { get; init; }

    /// <summary>Where the diffusion starts.</summary>
    public StartingPoint Start { get; init; } = StartingPoint.Noise;

    /// <inheritdoc/>
    public override string Needs => Start == StartingPoint.PseudoInverse ? "a linear operator" : base.Needs;

    /// <inheritdoc/>
    public override string Remedy => "lower zeta";

    /// <inheritdoc/>
    protected override IEnumerable<string> Problems() =>
    [
        .. base.Problems(), .. Between("zeta", Zeta, 0, 100), .. Between("eta", Eta, 0, 1),
        .. Variance != StepVariance.Posterior && Eta != 1 ? ["a variance other than the posterior's needs eta 1"] : Array.Empty<string>(),
    ];

    /// <inheritdoc/>
    protected sealed override Restoration Run(
        IMeasurement<TOperator> measurement, Denoiser prior, NoiseSource noise, IProgress<SolverStep>? progress, CancellationToken cancellation)
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
            // The last draw is multiplied by 0, but it is drawn.
            var z = noise.NormalLike(x);
            if (next == 0 || Variance == StepVariance.Posterior) moved.AddInPlace(z, up);
            else Ancestral.AddNoise(moved, z, sigma, next, Variance, share);
            step.Replace(ref x, Corrected(moved, descent, y, h, sigma, next, noise));
        }
        return new(x, count);
    }

    /// <summary>Minus the gradient of the misfit with respect to the estimate.</summary>
    protected abstract Tensor Descent(TOperator h, Tensor y, Tensor estimate);

    /// <summary>The state after the descent.</summary>
    /// <param name="moved">The state after the unconditional step; may be overwritten.</param>
    /// <param name="descent">The direction, brought back through the denoiser.</param>
    /// <param name="y">The measurement.</param>
    /// <param name="h">The operator.</param>
    /// <param name="sigma">The level that the step comes from.</param>
    /// <param name="next">The level that it goes to.</param>
    /// <param name="noise">For further draws.</param>
    protected abstract Tensor Corrected(Tensor moved, Tensor descent, Tensor y, TOperator h, double sigma, double next, NoiseSource noise);

    /// <summary>The factor of a descent in the variance-preserving state, as the authors' codes have it: <c>x' / sqrt(abar')</c> moves by <c>d/dx = sqrt(1 + sigma^2) d/d(x / sqrt(abar))</c>, hence <c>sqrt((1 + sigma^2)(1 + sigma'^2))</c>.</summary>
    /// <param name="sigma">The level that the step comes from.</param>
    /// <param name="next">The level that it goes to, sigma'.</param>
    protected static double VariancePreservingScale(double sigma, double next) => Math.Sqrt((1 + sigma * sigma) * (1 + next * next));
}
