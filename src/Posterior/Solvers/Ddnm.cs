using Posterior.Diffusion;
using Posterior.Operators;
using Posterior.Torch;

namespace Posterior.Solvers;

/// <summary>
/// Denoising diffusion null-space model (Wang, Yu, Zhang 2023, Alg. 1, 2) for measurements without noise: each estimate is projected on the images that
/// explain the measurement, <c>x^0 - H^+(H x^0 - y)</c>, before the DDIM step with <see cref="TimeTravelSolver{TOperator}.Eta"/>.
/// </summary>
/// <remarks>Where the authors' code differs from the paper, it is followed: time travel adds noise to the last estimate before its projection, while the paper diffuses the state.</remarks>
public sealed record Ddnm : TimeTravelSolver<LinearOperator>
{
    /// <summary>Its line in the catalogue.</summary>
    public static SolverEntry Entry { get; } = SolverEntry.Of(new Ddnm(), "exact data consistency without noise; time travel for hard tasks", "Wang et al. 2023, arXiv:2212.00490")
        .Whole("steps", s => s.Steps, (s, v) => s with { Steps = v })
        .Number("eta", s => s.Eta, (s, v) => s with { Eta = v })
        .Whole("travel-length", s => s.TravelLength, (s, v) => s with { TravelLength = v })
        .Whole("travel-repeat", s => s.TravelRepeat, (s, v) => s with { TravelRepeat = v })
        .Schedule("prior", s => s.Schedule, (s, v) => s with { Schedule = v });

    /// <inheritdoc/>
    public override string Name => "ddnm";

    /// <inheritdoc/>
    protected override bool TakesPriorsLevels => true;

    /// <inheritdoc/>
    public override bool HandlesNoise => false;

    /// <inheritdoc/>
    protected override Restoration Run(
        IMeasurement<LinearOperator> measurement, Denoiser prior, NoiseSource noise, IProgress<SolverStep>? progress, CancellationToken cancellation)
    {
        var (y, h) = (measurement.Data, measurement.Operator);
        var (schedule, levels) = LevelsFor(prior);
        var x = noise.Normal(h.InputShape.Batch(y.Size(0)), y.DType, y.Device) * schedule.InitialScale(levels[0]);
        var estimate = x.EmptyLike();
        var walk = Walk(levels.Length - 1);
        var evaluations = 0;
        for (var i = 0; i < walk.Length; i++)
        {
            cancellation.ThrowIfCancellationRequested();
            using var step = new Scope();
            var (sigma, next) = (levels[walk[i].From], levels[walk[i].To]);
            if (next > sigma)
            {
                step.Replace(ref x, estimate.AddScaled(noise.NormalLike(x), next));
                continue;
            }
            var denoised = prior.Denoise(x, sigma);
            evaluations++;
            progress?.Report(new(i, walk.Length, sigma, denoised));
            var projected = h.Project(denoised, y);
            estimate.CopyFrom(denoised);
            if (next > 0)
            {
                // x^0 + sigma' (eta z + sqrt(1 - eta^2) e), e = (x - x^0) / sigma.
                projected = projected.AddScaled(x - denoised, Math.Sqrt(1 - Eta * Eta) * next / sigma).AddInPlace(noise.NormalLike(x), Eta * next);
            }
            step.Replace(ref x, projected);
        }
        return new(x, evaluations);
    }
}
