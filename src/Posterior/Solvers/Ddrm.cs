using Posterior.Diffusion;
using Posterior.Operators;
using Posterior.Torch;

namespace Posterior.Solvers;

/// <summary>
/// Denoising diffusion restoration models (Kawar, Elad, Ermon, Song 2022, Eq. 7, 8): a diffusion in the coordinates of the operator's singular vectors. Each
/// coordinate follows the measurement as soon as the state is noisier than the measurement of it, and the prior where nothing was measured.
/// With a <see cref="ClassifierGuidance"/> prior it is DDRM-CC; with <c>Eta = EtaB = 1</c> and no noise it is ILVR.
/// </summary>
/// <remarks>
/// Where the authors' code differs from the paper: the start is divided by sigma_T (followed, matters for few steps only); times are 0, skip, 2 skip, ... so that steps
/// that do not divide 1000 give extra steps (followed); singular values that were cut to zero count as not measured (as in the paper). Without noise the code's last step leaves
/// the estimate as the prior made it; the paper's rule uses the measurement there, and so does <see cref="FinalProjection"/>.
/// </remarks>
public sealed record Ddrm() : ScheduledSolver<SpectralOperator>(20)
{
    /// <summary>Its line in the catalogue.</summary>
    public static SolverEntry Entry { get; } = SolverEntry.Of(new Ddrm(), "fast and robust, with or without noise", "Kawar et al. 2022, arXiv:2201.11793")
        .Whole("steps", s => s.Steps, (s, v) => s with { Steps = v })
        .Number("eta", s => s.Eta, (s, v) => s with { Eta = v })
        .Number("eta-b", s => s.EtaB, (s, v) => s with { EtaB = v })
        .Flag("final-projection", s => s.FinalProjection, (s, v) => s with { FinalProjection = v })
        .Schedule("prior", s => s.Schedule, (s, v) => s with { Schedule = v });

    /// <inheritdoc/>
    public override string Name => "ddrm";

    /// <inheritdoc/>
    protected override bool TakesPriorsLevels => true;

    /// <inheritdoc/>
    public override bool HandlesNoise => true;

    /// <summary>How much of the noise is fresh where nothing better than the state was measured, 0 to 1.</summary>
    public double Eta { get; init; } = 0.85;

    /// <summary>How far coordinates that were measured better than the state move to the measurement, 0 to 1.</summary>
    public double EtaB { get; init; } = 1;

    /// <summary>
    /// Whether a measurement without noise is put into the result, by <see cref="EtaB"/> as in the paper: with 1 pixels that were kept come back bit for bit. The authors' code,
    /// and hence its published numbers, do not.
    /// </summary>
    public bool FinalProjection { get; init; } = true;

    /// <inheritdoc/>
    protected override IEnumerable<string> Problems() => [.. base.Problems(), .. Between("eta", Eta, 0, 1), .. Between("eta-b", EtaB, 0, 1)];

    /// <inheritdoc/>
    protected override Restoration Run(
        IMeasurement<SpectralOperator> measurement, Denoiser prior, NoiseSource noise, IProgress<SolverStep>? progress, CancellationToken cancellation)
    {
        var (y, h, sigmaY) = (measurement.Data, measurement.Operator, measurement.Sigma);
        var (schedule, levels) = LevelsFor(prior);
        var images = h.InputShape.Batch(y.Size(0));
        var update = new SpectralUpdate(h, y);
        var scale = schedule.InitialScale(levels[0]) / levels[0];
        var c = update.Start(noise.Normal(images, y.DType, y.Device), s => Initial(s, levels[0], sigmaY, scale));
        var last = levels.Length - 2;
        for (var i = 0; ; i++)
        {
            cancellation.ThrowIfCancellationRequested();
            using var step = new Scope();
            var estimate = prior.Denoise(update.Image(c), levels[i]);
            progress?.Report(new(i, last + 1, levels[i], estimate));
            // At sigma' = 0 every case leaves the estimate alone.
            if (i == last) return new(step.Keep(FinalProjection && sigmaY == 0 ? estimate.Lerp(h.Project(estimate, y), EtaB) : estimate), last + 1);
            var z = noise.Normal(images, y.DType, y.Device);
            var next = levels[i + 1];
            step.Replace(ref c, update.Step(c, estimate, z, levels[i], s => Weights(s, next, sigmaY)));
        }
    }

    // Eq. 7. The code divides the variance-preserving start by sigma_T, hence the scale. Rounding may leave a difference of equals below 0.
    private static CoordinateWeights Initial(double s, double sigma, double sigmaY, double scale) =>
        s * sigma > sigmaY ? new(0, scale, 0, scale * Math.Sqrt(Math.Max(0, sigma * sigma - sigmaY * sigmaY / (s * s)))) : new(0, 0, 0, scale * sigma);

    // Eq. 8, for the step to the noise level sigma.
    private CoordinateWeights Weights(double s, double sigma, double sigmaY)
    {
        var (kept, fresh) = (Math.Sqrt(1 - Eta * Eta) * sigma, Eta * sigma);
        if (s * sigma > sigmaY) return new(1 - EtaB, EtaB, 0, Math.Sqrt(Math.Max(0, sigma * sigma - EtaB * EtaB * sigmaY * sigmaY / (s * s))));
        if (s > 0 && s * sigma < sigmaY) return new(1 - kept * s / sigmaY, kept * s / sigmaY, 0, fresh);
        return new(1, 0, kept, fresh);
    }
}
