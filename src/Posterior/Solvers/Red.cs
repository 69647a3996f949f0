using Posterior.Diffusion;
using Posterior.Imaging;
using Posterior.Operators;
using Posterior.Torch;

namespace Posterior.Solvers;

/// <summary>
/// Regularisation by denoising (Romano, Elad, Milanfar 2017, Alg. 1), steepest descent: <c>x - mu (H^T(H x - y) / sigma^2 + lambda (x - D(x)))</c>, with one fixed denoiser.
/// </summary>
/// <remarks>
/// Defaults are those with which Kawar et al. 2022 (App. F) run it on a diffusion model. They are for images in [0, 1]; a weight for images in [-1, 1], as all numbers of this
/// type are, is a quarter of it, a noise level twice it.
/// </remarks>
public sealed record Red : Solver<LinearOperator>
{
    // |x|^2 grows by this factor from [0, 1] to [-1, 1].
    private const double UnitRatio = ValueRange.SignedPerUnit * ValueRange.SignedPerUnit;

    /// <summary>Its line in the catalogue; weights and noise levels there are for images in [0, 1], as in the papers.</summary>
    public static SolverEntry Entry { get; } = SolverEntry.Of(new Red(), "descent with a fixed denoiser; fails under noise", "Romano et al. 2017, arXiv:1611.02862")
        .Whole("steps", s => s.Steps, (s, v) => s with { Steps = v })
        .Number("lambda", s => s.Lambda * UnitRatio, (s, v) => s with { Lambda = v / UnitRatio })
        .Number("sigma-0", s => s.LeastSigma / ValueRange.SignedPerUnit, (s, v) => s with { LeastSigma = v * ValueRange.SignedPerUnit })
        .Number("denoiser-sigma", s => s.DenoiserSigma / ValueRange.SignedPerUnit, (s, v) => s with { DenoiserSigma = v * ValueRange.SignedPerUnit })
        .Number("step-size", s => s.StepSize, (s, v) => s with { StepSize = v })
        .Choice("start", s => s.Start, (s, v) => s with { Start = v })
        .Flag("luminance-only", s => s.LuminanceOnly, (s, v) => s with { LuminanceOnly = v });

    /// <inheritdoc/>
    public override string Name => "red";

    /// <inheritdoc/>
    public override bool HandlesNoise => true;

    /// <inheritdoc/>
    public override int Evaluations => Steps;

    /// <inheritdoc/>
    public override string Remedy => "lower step-size";

    /// <summary>The number of steps, each one evaluation of the prior: 100 for super-resolution, 500 for deblurring in Kawar et al.'s comparison.</summary>
    public int Steps { get; init; } = 100;

    /// <summary>lambda, the weight of the prior.</summary>
    public double Lambda { get; init; } = 500 / UnitRatio;

    /// <summary>The noise that a measurement without any is taken to have: the method divides by it.</summary>
    public double LeastSigma { get; init; } = 0.02;

    /// <summary>The noise level of the denoiser, moved into the range of the prior.</summary>
    public double DenoiserSigma { get; init; } = 0.01;

    /// <summary>mu as a share of what is stable, <c>2 / (s_max^2 / sigma^2 + lambda)</c>; 1 is the step of the authors' code, for operators with s_max = 1.</summary>
    public double StepSize { get; init; } = 1;

    /// <summary>Where the descent starts.</summary>
    public FirstGuess Start { get; init; } = FirstGuess.Picture;

    /// <summary>
    /// Whether only the luminance Y of YCbCr (BT.601) is restored and Cb, Cr stay those of the start, as in the authors' and Kawar et al.'s super-resolution and deblurring. Grey images are
    /// all luminance.
    /// </summary>
    public bool LuminanceOnly { get; init; }

    /// <inheritdoc/>
    protected override IEnumerable<string> Problems() =>
    [
        .. Between("steps", Steps, 1, 100_000), .. Between("lambda", Lambda * UnitRatio, 0, 1e6), .. Between("sigma-0", LeastSigma / ValueRange.SignedPerUnit, 1e-6, 10),
        .. Between("denoiser-sigma", DenoiserSigma / ValueRange.SignedPerUnit, 0, 10), .. Between("step-size", StepSize, 0, 10),
    ];

    /// <inheritdoc/>
    protected override Restoration Run(
        IMeasurement<LinearOperator> measurement, Denoiser prior, NoiseSource noise, IProgress<SolverStep>? progress, CancellationToken cancellation)
    {
        var (y, h) = (measurement.Data, measurement.Operator);
        var sigma = measurement.Sigma > 0 ? measurement.Sigma : LeastSigma;
        var level = Math.Clamp(DenoiserSigma, prior.SigmaRange.Min, prior.SigmaRange.Max);
        var precision = 1 / (sigma * sigma);
        var mu = StepSize * 2 / (LargestGain.Squared(h, y.DType, y.Device) * precision + Lambda);
        var x = Start.Of(h, y);
        for (var i = 0; i < Steps; i++)
        {
            cancellation.ThrowIfCancellationRequested();
            using var step = new Scope();
            var estimate = prior.Denoise(x, level);
            progress?.Report(new(i, Steps, level, estimate));
            var descent = h.Adjoint(h.Apply(x) - y) * precision;
            descent = descent.AddScaled(x - estimate, Lambda);
            // The same amount on each channel moves Y and leaves Cb and Cr alone.
            if (LuminanceOnly && x.Size(1) == 3) descent = Colour.LumaOf(descent);
            step.Replace(ref x, x.AddScaled(descent, -mu));
        }
        return new(x, Steps);
    }
}
