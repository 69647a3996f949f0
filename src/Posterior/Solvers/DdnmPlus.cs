using Posterior.Diffusion;
using Posterior.Operators;
using Posterior.Torch;

namespace Posterior.Solvers;

/// <summary>
/// DDNM+ (Wang, Yu, Zhang 2023, Sec. 3.3, Eq. 17 to 19): DDNM for noisy measurements. The correction of each coordinate is scaled down, and the
/// fresh noise reduced, so that the state has the noise that its level says.
/// </summary>
/// <remarks>
/// Where the authors' code differs from the paper: it forgets <c>V^T</c> before it scales the predicted noise (11 to 49% off for most operators); the paper is followed.
/// </remarks>
public sealed record DdnmPlus : TimeTravelSolver<SpectralOperator>
{
    /// <summary>Its line in the catalogue.</summary>
    public static SolverEntry Entry { get; } = SolverEntry.Of(new DdnmPlus(), "DDNM for noisy measurements", "Wang et al. 2023, arXiv:2212.00490")
        .Whole("steps", s => s.Steps, (s, v) => s with { Steps = v })
        .Number("eta", s => s.Eta, (s, v) => s with { Eta = v })
        .Whole("travel-length", s => s.TravelLength, (s, v) => s with { TravelLength = v })
        .Whole("travel-repeat", s => s.TravelRepeat, (s, v) => s with { TravelRepeat = v })
        .Schedule("process", s => s.Schedule, (s, v) => s with { Schedule = v });

    /// <inheritdoc/>
    public override string Name => "ddnm+";

    /// <inheritdoc/>
    public override bool HandlesNoise => true;

    /// <inheritdoc/>
    protected override Restoration Run(
        IMeasurement<SpectralOperator> measurement, Denoiser prior, NoiseSource noise, IProgress<SolverStep>? progress, CancellationToken cancellation)
    {
        var (y, h, sigmaY) = (measurement.Data, measurement.Operator, measurement.Sigma);
        var (schedule, levels) = LevelsFor(prior);
        var images = h.InputShape.Batch(y.Size(0));
        var update = new SpectralUpdate(h, y);
        var scale = schedule.InitialScale(levels[0]);
        var c = update.Start(noise.Normal(images, y.DType, y.Device), _ => new(0, 0, 0, scale));
        var latest = Tensor.Zeros(images, y.DType, y.Device);
        var walk = Walk(levels.Length - 1);
        var evaluations = 0;
        for (var i = 0; i < walk.Length; i++)
        {
            cancellation.ThrowIfCancellationRequested();
            using var step = new Scope();
            var (sigma, next) = (levels[walk[i].From], levels[walk[i].To]);
            if (next > sigma)
            {
                step.Replace(ref c, update.State(latest.AddScaled(noise.Normal(images, y.DType, y.Device), next)));
                continue;
            }
            var estimate = prior.Denoise(update.Image(c), sigma);
            evaluations++;
            progress?.Report(new(i, walk.Length, sigma, estimate));
            latest.CopyFrom(estimate);
            var z = noise.Normal(images, y.DType, y.Device);
            step.Replace(ref c, update.Step(c, estimate, z, sigma, s => Weights(s, next, sigmaY)));
        }
        return new(update.Image(c), evaluations);
    }

    // Eq. 17 to 19 divided by sqrt(abar') for the variance-exploding state.
    private CoordinateWeights Weights(double s, double sigma, double sigmaY)
    {
        var (kept, fresh) = (Math.Sqrt(1 - Eta * Eta) * sigma, Eta * sigma);
        if (!(s > 0)) return new(1, 0, kept, fresh);
        if (s * sigma >= sigmaY) return new(0, 1, 0, Math.Sqrt(Math.Max(0, sigma * sigma - sigmaY * sigmaY / (s * s))));
        return new(1 - kept * s / sigmaY, kept * s / sigmaY, 0, fresh);
    }
}
