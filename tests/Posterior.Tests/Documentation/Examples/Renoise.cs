using Posterior.Diffusion;
using Posterior.Operators;
using Posterior.Solvers;
using Posterior.Torch;

namespace Posterior.Tests.Documentation;

/// <summary>Denoise, project, add fresh noise: DDNM with eta 1 (Wang et al. 2023, Alg. 1), for measurements without noise.</summary>
public sealed record Renoise : Solver<LinearOperator>
{
    /// <summary>Its line in the catalogue.</summary>
    public static SolverEntry Entry { get; } = SolverEntry.Of(new Renoise(), "projects each estimate, adds fresh noise", "Wang et al. 2023, arXiv:2212.00490")
        .Whole("steps", s => s.Steps, (s, v) => s with { Steps = v });

    /// <inheritdoc/>
    public override string Name => "renoise";

    /// <inheritdoc/>
    public override bool HandlesNoise => false;

    /// <inheritdoc/>
    public override int Evaluations => Steps;

    /// <summary>The number of noise levels, each one evaluation.</summary>
    public int Steps { get; init; } = 50;

    /// <summary>The noise levels.</summary>
    public NoiseSchedule Schedule { get; init; } = new KarrasSchedule();

    /// <inheritdoc/>
    protected override IEnumerable<string> Problems() => Between("steps", Steps, 1, 1000);

    /// <inheritdoc/>
    protected override Restoration Run(
        IMeasurement<LinearOperator> measurement, Denoiser prior, NoiseSource noise, IProgress<SolverStep>? progress, CancellationToken cancellation)
    {
        var (y, h) = (measurement.Data, measurement.Operator);
        var levels = Schedule.Levels(Steps, prior.SigmaRange); // descending, the last one is 0
        var x = noise.Normal(h.InputShape.Batch(y.Size(0)), y.DType, y.Device) * levels[0];
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
