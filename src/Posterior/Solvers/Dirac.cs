using Posterior.Diffusion;
using Posterior.Operators;
using Posterior.Torch;

namespace Posterior.Solvers;

/// <summary>How <see cref="Dirac"/> tells what a little less of the degradation would leave (Fabian et al. 2024, Eq. 9 and App. I).</summary>
public enum IncrementEstimate
{
    /// <summary><c>A_(t-dt) - A_t</c> of the estimate.</summary>
    LookAhead,

    /// <summary><c>(A_(t-delta) - A_t) dt / delta</c>.</summary>
    SmallLookAhead,

    /// <summary><c>A_t - A_(t+dt)</c>; the first steps, where t + dt is 1 or more, look ahead.</summary>
    LookBack,

    /// <summary><c>(A_t - A_(t+delta)) dt / delta</c>; while t + delta is 1 or more, a step looks ahead.</summary>
    SmallLookBack,

    /// <summary>Nothing: the steps only denoise.</summary>
    Identity,
}

/// <summary>How long a step of <see cref="Dirac"/> along the misfit's gradient is (App. B).</summary>
public enum DiracGuidance
{
    /// <summary>No guidance.</summary>
    None,

    /// <summary><c>eta / (2 sigma_1^2)</c> times the gradient.</summary>
    Constant,

    /// <summary><c>eta / |y - A_1 x^0|</c> times the gradient; the paper's eta is for images in [0, 1], here twice as far.</summary>
    ErrorScaled,
}

/// <summary>What the user wants of a restoration that cannot be both.</summary>
public enum Preference
{
    /// <summary>What the other settings say.</summary>
    None,

    /// <summary>It shall look like an image.</summary>
    Perception,

    /// <summary>It shall be close to the original.</summary>
    Distortion,
}

/// <summary>
/// DiracDiffusion (Fabian, Tinaz, Soltanolkotabi 2024, Algorithm 1): the measurement is the end of a process that degrades and adds noise little by little, and a model
/// of that process runs it backwards. Each step is consistent with the measurement, so one may stop at any: early for fidelity, late for detail.
/// </summary>
/// <remarks>
/// As in the authors' code the first state is the measurement itself, at t = 1. Their code adds the guidance's gradient, which climbs the misfit; here, as in the paper, a
/// positive <see cref="Eta"/> descends. Where their code takes one misfit of the whole batch, each image has its own.
/// </remarks>
public sealed record Dirac : Solver<LinearOperator, DegradationReverser>
{
    /// <summary>Its line in the catalogue.</summary>
    public static SolverEntry Entry { get; } = SolverEntry.Of(new Dirac(), "a model trained for one degradation; stop early for fidelity, late for detail", "Fabian et al. 2024, arXiv:2303.14353")
        .Number("step", s => s.Step, (s, v) => s with { Step = v })
        .Number("start", s => s.Start, (s, v) => s with { Start = v })
        .Number("stop", s => s.Stop, (s, v) => s with { Stop = v })
        .Choice("prefer", s => s.Prefer, (s, v) => s with { Prefer = v })
        .Choice("increment", s => s.Increment, (s, v) => s with { Increment = v })
        .Number("increment-step", (s, v) => s with { IncrementStep = v })
        .Choice("guidance", s => s.Guidance, (s, v) => s with { Guidance = v })
        .Number("eta", s => s.Eta, (s, v) => s with { Eta = v })
        .Flag("estimate", s => s.ReturnsEstimate, (s, v) => s with { ReturnsEstimate = v });

    /// <inheritdoc/>
    public override string Name => "dirac";

    /// <inheritdoc/>
    public override string Needs => "a linear operator whose measurement is a picture of the image's shape";

    /// <inheritdoc/>
    public override bool HandlesNoise => true;

    /// <inheritdoc/>
    public override string NeedsOfModel => "a model that reverses a degradation";

    /// <inheritdoc/>
    public override bool DifferentiatesPrior => Guidance != DiracGuidance.None;

    /// <summary>The steps of the settings; a preferred end of the model's card may need fewer.</summary>
    public override int Evaluations => Times(Step, Stop).Count;

    /// <summary>dt, the time that a step goes back.</summary>
    public double Step { get; init; } = 0.02;

    /// <summary>The time of the measurement: 1 is the full degradation.</summary>
    public double Start { get; init; } = 1;

    /// <summary>The time at which to stop: the last step is the first that ends below it; 0 runs to the end.</summary>
    public double Stop { get; init; }

    /// <summary>Takes step and end from the model's card, where they were measured; then the result is the estimate.</summary>
    public Preference Prefer { get; init; }

    /// <summary>How the incremental reconstruction is estimated.</summary>
    public IncrementEstimate Increment { get; init; } = IncrementEstimate.LookAhead;

    /// <summary>delta of the small look-ahead and look-back, usually below <see cref="Step"/>; null is a quarter of it.</summary>
    public double? IncrementStep { get; init; }

    /// <summary>Whether and how the state descends on the misfit of its estimate, differentiated through the model.</summary>
    public DiracGuidance Guidance { get; init; }

    /// <summary>The strength of the guidance; below 0 it climbs, as in the authors' code.</summary>
    public double Eta { get; init; } = 0.5;

    /// <summary>Whether the result is the last estimate <c>x^0</c>, or the last state, which still has the noise and the degradation of its time (App. D).</summary>
    public bool ReturnsEstimate { get; init; } = true;

    /// <summary>What the guidance compares with instead of the measurement, where the measurement is known without its noise.</summary>
    public Tensor? NoiselessMeasurement { get; init; }

    /// <inheritdoc/>
    public override string Remedy => "lower eta, or take smaller steps";

    /// <inheritdoc/>
    protected override IEnumerable<string> Problems() =>
    [
        .. Between("step", Step, 1e-4, 1), .. Between("start", Start, Step, 1), .. Between("stop", Stop, 0, 1), .. Between("increment-step", IncrementStep ?? Step, 1e-6, 1),
        .. Between("eta", Eta, -1000, 1000),
    ];

    /// <inheritdoc/>
    protected override bool Fits(LinearOperator h) => RestorerPicture.IsPicture(h, 1);

    /// <inheritdoc/>
    protected override Restoration Run(
        IMeasurement<LinearOperator> measurement, DegradationReverser reverser, NoiseSource noise, IProgress<SolverStep>? progress, CancellationToken cancellation)
    {
        var (h, sigmas) = (measurement.Operator, reverser.Noise);
        var plan = Preferred(reverser.Stops);
        var times = plan.Times(plan.Step, plan.Stop);
        var target = NoiselessMeasurement ?? measurement.Data;
        Tensor y = measurement.Data.Clone(), estimate = y.Clone();
        for (var i = 0; i < times.Count; i++)
        {
            cancellation.ThrowIfCancellationRequested();
            using var step = new Scope();
            var (time, next) = (times[i], Before(times[i], plan.Step));
            var (sigma, lower) = (sigmas.Sigma(time), sigmas.Sigma(next));
            var fall = sigma * sigma - lower * lower;
            Tensor x0;
            Tensor? uphill = null;
            if (Guidance == DiracGuidance.None) x0 = reverser.Predict(y, time);
            else (x0, uphill) = DenoiserGradient.PullBack(state => reverser.Predict(state, time), y, x => MisfitGradient(h, target, x, sigmas.Sigma(Start)));
            progress?.Report(new(i, times.Count, sigma, x0));
            var z = noise.NormalLike(y);
            step.Replace(ref estimate, x0);

            using var now = reverser.Process.At(h.InputShape, time);
            var degraded = now.Apply(x0);
            // Eq. 4: incremental reconstruction, denoising, guidance, fresh noise.
            var state = y + plan.IncrementOf(reverser.Process, h, x0, degraded, time);
            if (fall != 0)
            {
                state.AddInPlace(degraded - y, fall / (sigma * sigma));
                if (uphill is not null) state.AddInPlace(uphill, -Eta * fall);
            }
            step.Replace(ref y, state.AddInPlace(z, Math.Sqrt(fall)));
        }
        return new(plan.ReturnsEstimate ? estimate : y, times.Count);
    }

    private Dirac Preferred(StoppingPoints? points) => (Prefer, points) switch
    {
        (Preference.None, _) => this,
        (Preference.Perception, { } found) => this with { Step = found.Step, Stop = found.Perception, ReturnsEstimate = true },
        (Preference.Distortion, { } found) => this with { Step = found.Step, Stop = found.Distortion, ReturnsEstimate = true },
        _ => throw new SolverOptionsException($"solver '{Name}': the model's card holds no stopping points to prefer from; 'posterior tradeoff' finds them, and stop=T states one"),
    };

    // The times at which steps begin; the last step is the first that ends below the stop.
    private List<double> Times(double step, double stop)
    {
        var times = new List<double>();
        // 0.6 / 0.2 is a little less than 3.
        var count = (int)(Start / step + 1e-9);
        for (var i = 0; i < count; i++)
        {
            times.Add(Start - i * step);
            if (stop > times[i] - step) break;
        }
        return times;
    }

    // At time 0 exactly nothing is degraded; the last of 50 steps of 0.02 would end at 2e-17.
    private static double Before(double time, double step) => time - step is var next && Math.Abs(next) < 1e-12 ? 0 : next;

    private Tensor IncrementOf(SeverityProcess process, LinearOperator h, Tensor x0, Tensor degraded, double time)
    {
        using var scope = new Scope();
        var small = IncrementStep ?? Step / 4;
        var (other, scale) = Increment switch
        {
            IncrementEstimate.Identity => (time, 0.0),
            IncrementEstimate.SmallLookAhead => (Before(time, small), Step / small),
            IncrementEstimate.LookBack when time + Step < 1 => (time + Step, -1.0),
            IncrementEstimate.SmallLookBack when time + small < 1 => (time + small, -Step / small),
            _ => (Before(time, Step), 1.0),
        };
        if (scale == 0) return scope.Keep(x0.ZerosLike());
        using var a = process.At(h.InputShape, other);
        return scope.Keep((a.Apply(x0) - degraded) * scale);
    }

    // The gradient of |y - A_1 x0|^2 with respect to x0, over its scale.
    private Tensor MisfitGradient(LinearOperator h, Tensor target, Tensor x0, double sigma)
    {
        using var scope = new Scope();
        var (residual, back) = DenoiserGradient.Residual(h, target, x0);
        return scope.Keep(Guidance == DiracGuidance.ErrorScaled ? back * -2 / DenoiserGradient.NormOfEach(residual) : back * (-1 / (sigma * sigma)));
    }
}
