using Posterior.Diffusion;
using Posterior.Operators;
using Posterior.Torch;

namespace Posterior.Solvers;

/// <summary>
/// Iterative latent variable refinement (Choi et al. 2021) for any linear operator, in the form of Kawar et al. 2022, App. H: what was measured is taken from the measurement,
/// diffused to the next noise level, and everything else from the estimate with fresh noise. It is <see cref="Ddrm"/> with <c>Eta = EtaB = 1</c> and no noise, where
/// <c>x' = x^0 - H^+(H x^0 - y) + sigma' z</c> needs no singular values.
/// </summary>
/// <remarks>ILVR starts from pure noise, the form of App. H around <c>H^+ y</c>. The latter is followed; the difference is far below the noise of the first level. 20 steps are those of DDRM's comparison; ILVR's own paper takes 250.</remarks>
public sealed record Ilvr() : ScheduledSolver<LinearOperator>(20)
{
    /// <summary>Its line in the catalogue.</summary>
    public static SolverEntry Entry { get; } = SolverEntry.Of(new Ilvr(), "DDRM's noiseless limit for operators without singular values", "Choi et al. 2021, arXiv:2108.02938")
        .Whole("steps", s => s.Steps, (s, v) => s with { Steps = v })
        .Flag("final-projection", s => s.FinalProjection, (s, v) => s with { FinalProjection = v })
        .Schedule("prior", s => s.Schedule, (s, v) => s with { Schedule = v });

    /// <inheritdoc/>
    public override string Name => "ilvr";

    /// <inheritdoc/>
    protected override bool TakesPriorsLevels => true;

    /// <inheritdoc/>
    public override bool HandlesNoise => false;

    /// <inheritdoc cref="Ddrm.FinalProjection"/>
    public bool FinalProjection { get; init; } = true;

    /// <inheritdoc/>
    protected override Restoration Run(
        IMeasurement<LinearOperator> measurement, Denoiser prior, NoiseSource noise, IProgress<SolverStep>? progress, CancellationToken cancellation)
    {
        var (y, h) = (measurement.Data, measurement.Operator);
        var (schedule, levels) = LevelsFor(prior);
        var start = noise.Normal(h.InputShape.Batch(y.Size(0)), y.DType, y.Device) * levels[0];
        // Eq. 7 without noise, scaled as DDRM's code scales its start.
        var x = (start + h.PseudoInverse(y)) * (schedule.InitialScale(levels[0]) / levels[0]);
        var last = levels.Length - 2;
        for (var i = 0; ; i++)
        {
            cancellation.ThrowIfCancellationRequested();
            using var step = new Scope();
            var estimate = prior.Denoise(x, levels[i]);
            progress?.Report(new(i, last + 1, levels[i], estimate));
            if (i == last) return new(step.Keep(FinalProjection ? h.Project(estimate, y) : estimate), last + 1);
            step.Replace(ref x, h.Project(estimate, y).AddScaled(noise.NormalLike(x), levels[i + 1]));
        }
    }
}
