using Posterior.Diffusion;
using Posterior.Operators;
using Posterior.Solvers;
using Posterior.Torch;

namespace Posterior.Tests.Documentation;

/// <summary>Denoise, project, add fresh noise: DDNM with eta 1 (Wang et al. 2023, Alg. 1), for measurements without noise.</summary>
public sealed record Renoise() : ScheduledSolver<LinearOperator>(50)
{
    /// <summary>Its line in the catalogue.</summary>
    public static SolverEntry Entry { get; } = SolverEntry.Of(new Renoise(), "projects each estimate, adds fresh noise", "Wang et al. 2023, arXiv:2212.00490")
        .Whole("steps", s => s.Steps, (s, v) => s with { Steps = v })
        .Schedule("process", s => s.Schedule, (s, v) => s with { Schedule = v });

    /// <inheritdoc/>
    public override string Name => "renoise";

    /// <inheritdoc/>
    public override bool HandlesNoise => false;

    /// <inheritdoc/>
    protected override Restoration Run(
        IMeasurement<LinearOperator> measurement, Denoiser prior, NoiseSource noise, IProgress<SolverStep>? progress, CancellationToken cancellation)
    {
        var (y, h) = (measurement.Data, measurement.Operator);
        var (schedule, levels) = LevelsFor(prior); // descending, the last one is 0
        var x = noise.Normal(h.InputShape.Batch(y.Size(0)), y.DType, y.Device) * schedule.InitialScale(levels[0]);
        for (var i = 0; i + 1 < levels.Length; i++)
        {
            cancellation.ThrowIfCancellationRequested();
            using var step = new Scope(); // frees the temporaries of this step
            var estimate = prior.Denoise(x, levels[i]);
            progress?.Report(new(i, levels.Length - 1, levels[i], estimate));
            step.Replace(ref x, h.Project(estimate, y).AddScaled(noise.NormalLike(x), levels[i + 1]));
        }
        return new(x, levels.Length - 1);
    }
}
