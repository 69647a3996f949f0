using Posterior.Diffusion;
using Posterior.Imaging;
using Posterior.Operators;
using Posterior.Torch;

namespace Posterior.Solvers;

/// <summary>
/// Plug-and-play ADMM (Venkatakrishnan, Bouman, Wohlberg 2013; Chan, Wang, Elgendy 2017): the alternating direction method of multipliers for
/// <c>1/2 |H x - y|^2 + prior</c> in which a denoiser stands for the prior's proximal step. It takes any denoiser and keeps it as it is.
/// </summary>
public sealed record PnpAdmm : Solver<LinearOperator>
{
    /// <summary>Its line in the catalogue; noise levels there are for images in [0, 1].</summary>
    public static SolverEntry Entry { get; } = SolverEntry.Of(new PnpAdmm(), "a few iterations with a fixed denoiser, with or without noise", "Venkatakrishnan et al. 2013; Chan et al. 2017, arXiv:1605.01710")
        .Whole("steps", s => s.Steps, (s, v) => s with { Steps = v })
        .Number("rho", s => s.Rho, (s, v) => s with { Rho = v })
        .Number("denoiser-sigma", (s, v) => s with { DenoiserSigma = v * ValueRange.SignedPerUnit })
        .Choice("start", s => s.Start, (s, v) => s with { Start = v });

    /// <inheritdoc/>
    public override string Name => "pnp-admm";

    /// <inheritdoc/>
    public override bool HandlesNoise => true;

    /// <inheritdoc/>
    public override int Evaluations => Steps;

    /// <inheritdoc/>
    public override string Remedy => "raise rho or lower denoiser-sigma";

    /// <summary>The number of iterations, each one evaluation of the prior; 12 as in Fabian, Tinaz, Soltanolkotabi 2024, App. J.3.</summary>
    public int Steps { get; init; } = 12;

    /// <summary>The penalty: 0.1 for deblurring, 0.4 for inpainting there.</summary>
    public double Rho { get; init; } = 0.1;

    /// <summary>
    /// The noise level of the denoiser, moved into the range of the prior; null is <c>sigma_y / sqrt(rho)</c>, for which the iteration looks for the most probable image, and 0.1 where there is no noise.
    /// </summary>
    public double? DenoiserSigma { get; init; }

    /// <summary>Where the iteration starts; the authors' implementations take <see cref="FirstGuess.Adjoint"/>.</summary>
    public FirstGuess Start { get; init; } = FirstGuess.Picture;

    /// <inheritdoc/>
    protected override IEnumerable<string> Problems() =>
        [.. Between("steps", Steps, 1, 100_000), .. Between("rho", Rho, 1e-6, 1e6), .. Between("denoiser-sigma", (DenoiserSigma ?? 0) / ValueRange.SignedPerUnit, 0, 10)];

    /// <inheritdoc/>
    protected override Restoration Run(
        IMeasurement<LinearOperator> measurement, Denoiser prior, NoiseSource noise, IProgress<SolverStep>? progress, CancellationToken cancellation)
    {
        var (y, h) = (measurement.Data, measurement.Operator);
        var wanted = DenoiserSigma ?? (measurement.Sigma > 0 ? measurement.Sigma / Math.Sqrt(Rho) : 0.1);
        var level = Math.Clamp(wanted, prior.SigmaRange.Min, prior.SigmaRange.Max);
        var z = Start.Of(h, y);
        var (x, u) = (z.ZerosLike(), z.ZerosLike());
        for (var i = 0; i < Steps; i++)
        {
            cancellation.ThrowIfCancellationRequested();
            using var step = new Scope();
            // (H^T H + rho I)^-1 (H^T y + rho (z - u)).
            step.Replace(ref x, DampedInverse.Proximal(h, y, z - u, Rho));
            step.Replace(ref z, prior.Denoise(x + u, level));
            progress?.Report(new(i, Steps, level, z));
            u.AddInPlace(x - z);
        }
        return new(x, Steps);
    }
}
