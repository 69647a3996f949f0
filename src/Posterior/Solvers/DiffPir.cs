using Posterior.Diffusion;
using Posterior.Operators;
using Posterior.Torch;

namespace Posterior.Solvers;

/// <summary>
/// Denoising diffusion models for plug-and-play image restoration (Zhu, Zhang, Liang, Cao, Wen, Timofte, Van Gool 2023, Alg. 1): half-quadratic splitting along a diffusion. The denoiser
/// solves the prior's part; the data part <c>min |H x - y|^2 + rho |x - x^0|^2</c>, <c>rho = lambda sigma_y^2 / sigma^2</c>, has a closed form for operators with singular values and is
/// solved by conjugate gradients for others. The next state lies on the line from its solution through this state, with a share of fresh noise.
/// </summary>
/// <remarks>Where the authors' code puts a least noise of 0.001 in place of none, a measurement without noise is met exactly here: <c>rho = 0</c> is the back projection.</remarks>
public sealed record DiffPir() : ScheduledSolver<LinearOperator>(100)
{
    /// <summary>Its line in the catalogue.</summary>
    public static SolverEntry Entry { get; } = SolverEntry.Of(new DiffPir(), "half-quadratic splitting along a diffusion, with or without noise", "Zhu et al. 2023, arXiv:2305.08995")
        .Whole("steps", s => s.Steps, (s, v) => s with { Steps = v })
        .Number("lambda", s => s.Lambda, (s, v) => s with { Lambda = v })
        .Number("zeta", s => s.Zeta, (s, v) => s with { Zeta = v })
        .Schedule("process", s => s.Schedule, (s, v) => s with { Schedule = v });

    /// <inheritdoc/>
    public override string Name => "diffpir";

    /// <inheritdoc/>
    public override bool HandlesNoise => true;

    /// <summary>The weight of the prior: 1 takes the estimate for a measurement of the image whose noise is the level's; above 1 it counts more.</summary>
    public double Lambda { get; init; } = 4;

    /// <summary>The share of fresh noise in the variance of the next state, 0 to 1; the paper tunes it, and <see cref="Lambda"/>, for each task.</summary>
    public double Zeta { get; init; } = 1;

    /// <inheritdoc/>
    protected override IEnumerable<string> Problems() =>
        [.. base.Problems(), .. Between("lambda", Lambda, 1e-6, 1e6), .. Between("zeta", Zeta, 0, 1)];

    /// <inheritdoc/>
    protected override Restoration Run(
        IMeasurement<LinearOperator> measurement, Denoiser prior, NoiseSource noise, IProgress<SolverStep>? progress, CancellationToken cancellation)
    {
        var (y, h, sigmaY) = (measurement.Data, measurement.Operator, measurement.Sigma);
        var (schedule, levels) = LevelsFor(prior);
        var count = levels.Length - 1;
        var x = noise.Normal(h.InputShape.Batch(y.Size(0)), y.DType, y.Device) * schedule.InitialScale(levels[0]);
        for (var i = 0; i < count; i++)
        {
            cancellation.ThrowIfCancellationRequested();
            using var step = new Scope();
            var (sigma, next) = (levels[i], levels[i + 1]);
            var denoised = prior.Denoise(x, sigma);
            progress?.Report(new(i, count, sigma, denoised));
            var estimate = DampedInverse.Proximal(h, y, denoised, Lambda * sigmaY * sigmaY / (sigma * sigma));
            // Eq. 14: x' = x^0 + sigma' (sqrt(1 - zeta) e + sqrt(zeta) z), with e = (x - x^0) / sigma of the corrected estimate.
            var result = estimate.Lerp(x, Math.Sqrt(1 - Zeta) * next / sigma);
            step.Replace(ref x, result.AddInPlace(noise.NormalLike(x), Math.Sqrt(Zeta) * next));
        }
        return new(x, count);
    }
}
