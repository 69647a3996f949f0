using System.Globalization;
using Posterior.Diffusion;
using Posterior.Operators;
using Posterior.Torch;

namespace Posterior.Solvers;

/// <summary>
/// Shortcut sampling (Liu, Sun, Li et al. 2024) for measurements without noise: instead of pure noise, the diffusion starts from <c>H^+ y</c> brought to an intermediate noise level by
/// inversion (Sec. 3.2), which keeps its layout, and comes down with a back projection of each estimate (Sec. 3.3).
/// </summary>
/// <remarks>
/// Where the authors' code differs from the paper, it is followed: one evaluation fewer than both grids together have, because inversion ends where generation
/// starts; the estimate is clamped to [-1, 1] before its projection and the predicted noise is not computed anew. Their scripts' noise option adds none; simulated noise here is real.
/// </remarks>
public record Ssd : Solver<LinearOperator>
{
    /// <summary>Its line in the catalogue.</summary>
    public static SolverEntry Entry { get; } = Line(new Ssd(), "few evaluations without noise: starts from the measurement, not from noise");

    /// <inheritdoc/>
    public override string Name => "ssd";

    /// <inheritdoc/>
    public override bool HandlesNoise => false;

    /// <inheritdoc/>
    public override int Evaluations => InversionSteps + Steps - 1;

    /// <inheritdoc/>
    public override int EvaluationsWith(ImagePredictor predictor) => predictor is Denoiser prior ? Grid(InversionSteps, prior).Count - 1 + Grid(Steps, prior).Count : Evaluations;

    /// <summary>The number of times of the way up, first and last included, 2 or more.</summary>
    public int InversionSteps { get; init; } = SsdPreset.Thirty.InversionSteps;

    /// <summary>The number of times of the way down, each one evaluation of the prior, 2 or more.</summary>
    public int Steps { get; init; } = SsdPreset.Thirty.Steps;

    /// <summary>The paper's t0: inversion ends, and generation starts, at time t0 - 1 of the schedule.</summary>
    public int StartTime { get; init; } = SsdPreset.Thirty.StartTime;

    /// <summary>How much of the noise that inversion adds is fresh: 0 is deterministic DDIM inversion, 1 the plain forward process.</summary>
    public double InversionEta { get; init; } = SsdPreset.Thirty.InversionEta;

    /// <summary>How much of the noise of each step down is fresh, 0 to 1.</summary>
    public double Eta { get; init; } = SsdPreset.Thirty.Eta;

    /// <summary>The process whose times are visited.</summary>
    public VpSchedule Schedule { get; init; } = VpSchedule.Linear();

    /// <summary>How many of the steps down, from the first, project their estimate on the measurement.</summary>
    internal virtual int ProjectedSteps => Steps;

    /// <summary>This solver with the settings of a preset.</summary>
    public Ssd With(SsdPreset preset) => this with
    {
        InversionSteps = preset.InversionSteps,
        Steps = preset.Steps,
        StartTime = preset.StartTime,
        InversionEta = preset.InversionEta,
        Eta = preset.Eta,
    };

    /// <summary>The line of this solver or of one that extends it.</summary>
    private protected static SolverEntry<Ssd> Line(Ssd solver, string description) => SolverEntry.Of(solver, description, "Liu et al. 2024, arXiv:2305.16965")
        .Preset("preset", [.. SsdPreset.All.Select(preset => preset.Name)], (s, v) => s.With(SsdPreset.Find(v)))
        .Whole("steps", s => s.Steps, (s, v) => s with { Steps = v })
        .Whole("inversion-steps", s => s.InversionSteps, (s, v) => s with { InversionSteps = v })
        .Number("eta", s => s.Eta, (s, v) => s with { Eta = v })
        .Number("inversion-eta", s => s.InversionEta, (s, v) => s with { InversionEta = v })
        .Whole("start-time", s => s.StartTime, (s, v) => s with { StartTime = v });

    /// <inheritdoc/>
    protected override IEnumerable<string> Problems() =>
    [
        .. Between("start-time", StartTime, 2, Schedule.Count),
        .. Between("steps", Steps, 2, Math.Max(2, StartTime)),
        .. Between("inversion-steps", InversionSteps, 2, Math.Max(2, StartTime)),
        .. Between("eta", Eta, 0, 1),
        .. Between("inversion-eta", InversionEta, 0, 1),
    ];

    /// <inheritdoc/>
    protected override Restoration Run(
        IMeasurement<LinearOperator> measurement, Denoiser prior, NoiseSource noise, IProgress<SolverStep>? progress, CancellationToken cancellation)
    {
        var (y, h) = (measurement.Data, measurement.Operator);
        var up = Grid(InversionSteps, prior);
        var down = Grid(Steps, prior);
        down.Reverse();
        var projected = down[..Math.Min(ProjectedSteps, down.Count)];
        var evaluations = EvaluationsWith(prior);
        // H^+ y is the variance-preserving state of the lowest level.
        var x = h.PseudoInverse(y) * Schedule.InitialScale(up[0]);
        for (var i = 0; i < up.Count - 1; i++)
        {
            cancellation.ThrowIfCancellationRequested();
            using var step = new Scope();
            var (sigma, next) = (up[i], up[i + 1]);
            var denoised = prior.Denoise(x, sigma);
            var estimate = denoised.Clamp(-1, 1);
            progress?.Report(new(i, evaluations, sigma, estimate));
            // beta' / abar' = sigma'^2 - sigma^2: all of it fresh is the forward process, x + sqrt(sigma'^2 - sigma^2) z.
            var fresh = InversionEta * (next * next - sigma * sigma);
            step.Replace(ref x, estimate.AddScaled(x - denoised, Math.Sqrt(next * next - fresh) / sigma).AddInPlace(noise.NormalLike(x), Math.Sqrt(fresh)));
        }
        for (var i = 0; i < down.Count; i++)
        {
            cancellation.ThrowIfCancellationRequested();
            using var step = new Scope();
            var sigma = down[i];
            var denoised = prior.Denoise(x, sigma);
            var estimate = denoised.Clamp(-1, 1);
            progress?.Report(new(up.Count - 1 + i, evaluations, sigma, estimate));
            if (i < projected.Count) estimate = h.Project(estimate, y);
            if (i + 1 < down.Count)
            {
                var next = down[i + 1];
                estimate = estimate.AddScaled(x - denoised, Math.Sqrt(1 - Eta * Eta) * next / sigma).AddInPlace(noise.NormalLike(x), Eta * next);
            }
            step.Replace(ref x, estimate);
        }
        return new(x, evaluations);
    }

    // Ascending levels of times 0 to t0 - 1, equally spaced and rounded; those outside the prior's range move to its nearer end, and repetitions fall away.
    private List<double> Grid(int count, Denoiser prior)
    {
        var (min, max) = prior.SigmaRange;
        var times = Respacing.Times(StartTime, count.ToString(CultureInfo.InvariantCulture));
        return [.. times.Select(time => Math.Clamp(Schedule.Sigma(time), min, max)).Distinct()];
    }
}
