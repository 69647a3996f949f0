using Posterior.Diffusion;
using Posterior.Operators;
using Posterior.Torch;

namespace Posterior.Solvers;

/// <summary>How PiGDM's guidance is weighted against the step of the prior. In terms of the variance-exploding state, with <c>k e</c> the predicted noise that the step keeps.</summary>
public enum PiGdmWeighting
{
    /// <summary><c>sqrt(abar)</c>, hence <c>sqrt(1 + sigma'^2)</c>: the paper's Algorithm 1.</summary>
    Paper,

    /// <summary><c>sqrt(abar abar')</c>, hence 1: the adaptive weights (<c>awd</c>) of the code in the RED-diff repository.</summary>
    Adaptive,

    /// <summary><c>1 - k</c>: that code without adaptive weights; a DDIM step on an estimate moved by the guidance, too short by the factor <c>abar</c>.</summary>
    Ddim,

    /// <summary><c>(1 - k)(1 + sigma^2)</c>: the DDIM step on the conditional score, as Bayes' rule has it. Long steps at high noise levels can overshoot.</summary>
    ExactDdim,
}

/// <summary>
/// Pseudo-inverse guided diffusion (Song, Vahdat, Mardani, Kautz 2023, Alg. 1): the likelihood of the measurement given the state is that of a normal
/// distribution around the estimate with the variance <c>r^2 = sigma^2 / (1 + sigma^2)</c>. Its gradient is taken through the denoiser.
/// </summary>
/// <remarks><c>(H H^T + c I)^-1</c> is in closed form for operators with singular values and by conjugate gradients for others. Without noise it is the pseudo-inverse.</remarks>
public sealed record PiGdm() : ScheduledSolver<LinearOperator>(100)
{
    /// <summary>Its line in the catalogue.</summary>
    public static SolverEntry Entry { get; } = SolverEntry.Of(new PiGdm(), "guided by the pseudo-inverse, with or without noise; differentiates the network", "Song et al. 2023, openreview 9_gsMA8MRKQ")
        .Whole("steps", s => s.Steps, (s, v) => s with { Steps = v })
        .Number("eta", s => s.Eta, (s, v) => s with { Eta = v })
        .Choice("weighting", s => s.Weighting, (s, v) => s with { Weighting = v })
        .Number("strength", s => s.Strength, (s, v) => s with { Strength = v })
        .Schedule("process", s => s.Schedule, (s, v) => s with { Schedule = v });

    /// <inheritdoc/>
    public override string Name => "pigdm";

    /// <inheritdoc/>
    public override bool HandlesNoise => true;

    /// <inheritdoc/>
    public override bool DifferentiatesPrior => true;

    /// <summary>How much of the noise of each step is fresh, 0 to 1.</summary>
    public double Eta { get; init; } = 1;

    /// <summary>The weight of the guidance. The paper's factor is large at high noise levels, where a network's Jacobian is least exact: runs can diverge with it.</summary>
    public PiGdmWeighting Weighting { get; init; } = PiGdmWeighting.Adaptive;

    /// <summary>A factor on the guidance; 1 in the paper.</summary>
    public double Strength { get; init; } = 1;

    /// <summary>Whether what was measured is put into every estimate and not guided: an option of the code for inpainting without noise.</summary>
    public bool ReplaceObserved { get; init; }

    /// <summary>Whether the noise is predicted after what was measured is put in rather than before; null as the code does with each weighting: after, but for adaptive weights and the paper's.</summary>
    public bool? FollowsReplaced { get; init; }

    /// <summary>Where the diffusion starts.</summary>
    public StartingPoint Start { get; init; } = StartingPoint.PseudoInverse;

    /// <inheritdoc/>
    public override string Remedy => "lower strength, or take the adaptive weighting";

    /// <inheritdoc/>
    protected override IEnumerable<string> Problems() => [.. base.Problems(), .. Between("eta", Eta, 0, 1), .. Between("strength", Strength, 0, 1000)];

    /// <inheritdoc/>
    protected override Restoration Run(
        IMeasurement<LinearOperator> measurement, Denoiser prior, NoiseSource noise, IProgress<SolverStep>? progress, CancellationToken cancellation)
    {
        var (y, h, sigmaY) = (measurement.Data, measurement.Operator, measurement.Sigma);
        var (schedule, levels) = LevelsFor(prior);
        var count = levels.Length - 1;
        var x = Start.First(this, h, y, noise, schedule, levels[0]);
        for (var i = 0; i < count; i++)
        {
            cancellation.ThrowIfCancellationRequested();
            using var step = new Scope();
            var (sigma, next) = (levels[i], levels[i + 1]);
            var damping = sigmaY * sigmaY * (1 + sigma * sigma) / (sigma * sigma);
            var (estimate, guidance, _) = DenoiserGradient.PullBack(prior, x, sigma, false, x0 => DampedInverse.Apply(h, y - h.Apply(x0), damping));
            progress?.Report(new(i, count, sigma, estimate));
            var kept = estimate;
            if (ReplaceObserved)
            {
                kept = h.Project(estimate, y);
                guidance -= h.PseudoInverse(h.Apply(guidance));
            }
            var up = Eta * Ancestral.PosteriorDeviation(sigma, next);
            var share = Math.Sqrt(next * next - up * up) / sigma;
            // With adaptive weights the code predicts the noise before it replaces what was measured, without them after.
            var follows = FollowsReplaced ?? Weighting is PiGdmWeighting.Ddim or PiGdmWeighting.ExactDdim ? kept : estimate;
            var result = kept.AddScaled(x - follows, share).AddInPlace(noise.NormalLike(x), up);
            step.Replace(ref x, result.AddInPlace(guidance, Strength * Weight(sigma, next, share)));
        }
        return new(x, count);
    }

    private double Weight(double sigma, double next, double share) => Weighting switch
    {
        PiGdmWeighting.Paper => Math.Sqrt(1 + next * next),
        PiGdmWeighting.Adaptive => 1,
        PiGdmWeighting.Ddim => 1 - share,
        _ => (1 - share) * (1 + sigma * sigma),
    };
}
