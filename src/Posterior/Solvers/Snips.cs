using Posterior.Diffusion;
using Posterior.Operators;
using Posterior.Torch;

namespace Posterior.Solvers;

/// <summary>
/// Solving noisy inverse problems stochastically (Kawar, Vaksman, Elad 2021): annealed Langevin dynamics in the coordinates of the operator's singular vectors, on a state whose noise is partly
/// the noise of the measurement. Each coordinate has its own step size.
/// </summary>
/// <remarks>
/// With <c>alpha</c> and <c>g</c> of the paper, <c>alpha g = StepSize (rho (ybar - c) + (1 - rho)(b - c))</c>, where <c>rho</c> is 1 if the measurement of a coordinate is better than the state,
/// <c>s^2 sigma^2 / sigma_y^2</c> if it is worse, and 0 if there is none: no division by a difference that may vanish. The code starts from uniform noise, this
/// from normal noise of the first level; there is no final denoising in either. 1000 noise levels are those of the comparison in Kawar et al. 2022, App. F.
/// </remarks>
public sealed record Snips() : ScheduledSolver<SpectralOperator>(1000)
{
    /// <summary>Its line in the catalogue.</summary>
    public static SolverEntry Entry { get; } = SolverEntry.Of(new Snips(), "annealed Langevin dynamics, many evaluations: for comparison", "Kawar et al. 2021, arXiv:2105.14951")
        .Whole("steps", s => s.Steps, (s, v) => s with { Steps = v })
        .Whole("steps-per-level", s => s.StepsPerLevel, (s, v) => s with { StepsPerLevel = v })
        .Number("step-size", s => s.StepSize, (s, v) => s with { StepSize = v })
        .Schedule("process", s => s.Schedule, (s, v) => s with { Schedule = v });

    /// <inheritdoc/>
    public override string Name => "snips";

    /// <inheritdoc/>
    public override bool HandlesNoise => true;

    /// <summary>The paper's tau: Langevin steps at each level, each one evaluation of the prior.</summary>
    public int StepsPerLevel { get; init; } = 1;

    /// <summary>The paper's c, the code's <c>step_lr / sigma_L^2</c>: the step size as a share of the variance of the level, above 0, at most 1.</summary>
    public double StepSize { get; init; } = 0.67;

    /// <inheritdoc/>
    public override string Remedy => "lower step-size";

    /// <inheritdoc/>
    protected override IEnumerable<string> Problems() =>
        [.. base.Problems(), .. Between("steps-per-level", StepsPerLevel, 1, 1000), .. Between("step-size", StepSize, 1e-6, 1)];

    /// <inheritdoc/>
    protected override Restoration Run(
        IMeasurement<SpectralOperator> measurement, Denoiser prior, NoiseSource noise, IProgress<SolverStep>? progress, CancellationToken cancellation)
    {
        var (y, h, sigmaY) = (measurement.Data, measurement.Operator, measurement.Sigma);
        var levels = LevelsFor(prior).Levels[..^1];
        var images = h.InputShape.Batch(y.Size(0));
        var update = new SpectralUpdate(h, y);
        var c = update.Start(noise.Normal(images, y.DType, y.Device), _ => new(0, 0, 0, levels[0]));
        var count = levels.Length * StepsPerLevel;
        for (var i = 0; i < count; i++)
        {
            cancellation.ThrowIfCancellationRequested();
            using var step = new Scope();
            var sigma = levels[i / StepsPerLevel];
            var estimate = prior.Denoise(update.Image(c), sigma);
            progress?.Report(new(i, count, sigma, estimate));
            var z = noise.Normal(images, y.DType, y.Device);
            step.Replace(ref c, update.Step(c, estimate, z, sigma, s => Weights(s, sigma, sigmaY)));
        }
        return new(update.Image(c), count);
    }

    /// <inheritdoc/>
    protected override int EvaluationsOf(int levels) => levels * StepsPerLevel;

    // (1 - k) c + k rho ybar + k (1 - rho) b + sqrt(2 alpha) w, written with e = (c - b) / sigma.
    private CoordinateWeights Weights(double s, double sigma, double sigmaY)
    {
        var better = s > 0 && s * sigma >= sigmaY;
        var rho = better ? 1 : s > 0 ? s * sigma / sigmaY * (s * sigma / sigmaY) : 0;
        var variance = better ? sigma * sigma - sigmaY * sigmaY / (s * s) : sigma * sigma * (1 - rho);
        return new(1 - StepSize * rho, StepSize * rho, (1 - StepSize) * sigma, Math.Sqrt(2 * StepSize * Math.Max(0, variance)));
    }
}
