using Posterior.Diffusion;
using Posterior.Operators;
using Posterior.Torch;

namespace Posterior.Solvers;

/// <summary>What stands for the prior in DAPS' Markov chain.</summary>
public enum DapsPrior
{
    /// <summary>A normal distribution around the end of the flow, of the noise level's width: the paper's.</summary>
    Gaussian,

    /// <summary>The score at the chain's position, at a low noise level: one more evaluation for each move.</summary>
    Exact,

    /// <summary>The score at the end of the flow, at a low noise level: one more evaluation for each step.</summary>
    ScoreAtEstimate,

    /// <summary>The score of the state at its own noise level: one more evaluation for each step.</summary>
    ScoreOfState,
}

/// <summary>
/// Decoupled annealing posterior sampling (Zhang, Chu, Berner, Meng, Anandkumar, Song 2025, Alg. 1): for a falling noise level, follow the probability flow to
/// an estimate, draw from the posterior around it by Langevin or Hamiltonian dynamics, and add noise of the next level. The denoiser is not differentiated.
/// </summary>
/// <remarks>
/// As in the authors' code the misfit is <c>|H x - y|^2 / tau^2</c>, twice the log-likelihood of noise with the deviation tau, so the effective noise is <c>tau / sqrt(2)</c>;
/// the last noise level and the last learning rate are never reached. Langevin dynamics in a normal distribution is a first-order autoregression of every coordinate of a spectral
/// operator, so that the end of a chain is drawn at once from its law, whatever the number of moves (<see cref="MoveByMove"/> walks it instead). tau and the learning rate are the published ones, the rate halved for stability.
/// </remarks>
public sealed record Daps : Solver<LinearOperator>
{
    /// <summary>Its line in the catalogue.</summary>
    public static SolverEntry Entry { get; } = SolverEntry.Of(new Daps(), "samples by annealed Langevin dynamics; many evaluations", "Zhang et al. 2025, arXiv:2407.01521")
        .Whole("steps", s => s.Steps, (s, v) => s with { Steps = v })
        .Whole("flow-steps", s => s.FlowSteps, (s, v) => s with { FlowSteps = v })
        .Whole("moves", s => s.Moves, (s, v) => s with { Moves = v })
        .Number("sigma-max", s => s.SigmaMax, (s, v) => s with { SigmaMax = v })
        .Number("sigma-min", s => s.SigmaMin, (s, v) => s with { SigmaMin = v })
        .Number("tau", s => s.Tau, (s, v) => s with { Tau = v })
        .Number("learning-rate", (s, v) => s with { LearningRate = v });

    // Half of the published 1e-4, with which a chain of the published tau swings around a coordinate of singular value 1 for ever.
    private const double StableRate = 5e-5;

    /// <inheritdoc/>
    public override string Name => "daps";

    /// <inheritdoc/>
    public override bool HandlesNoise => true;

    /// <inheritdoc/>
    public override int Evaluations => Steps * (FlowSteps + Prior switch { DapsPrior.Gaussian => 0, DapsPrior.Exact => Moves, _ => 1 });

    /// <summary>The number of noise levels.</summary>
    public int Steps { get; init; } = 200;

    /// <summary>Euler steps of each probability flow, each one evaluation of the prior.</summary>
    public int FlowSteps { get; init; } = 5;

    /// <summary>Moves of each Markov chain.</summary>
    public int Moves { get; init; } = 100;

    /// <summary>The highest noise level.</summary>
    public double SigmaMax { get; init; } = 100;

    /// <summary>The lowest noise level of the grid; the step that would reach it is not taken.</summary>
    public double SigmaMin { get; init; } = 0.1;

    /// <summary>Where the flow ends.</summary>
    public double FlowSigmaMin { get; init; } = 0.01;

    /// <summary>tau: the published 0.01 whatever the noise. The likelihood's own is <c>sqrt(2) sigma_y</c>, which wants longer moves.</summary>
    public double Tau { get; init; } = 0.01;

    /// <summary>The size of the first chain's moves; null is the smaller of 5e-5 and tau^2 / 2, divided by the largest squared singular value above 1: chains are stable.</summary>
    public double? LearningRate { get; init; }

    /// <summary>What is left of the learning rate at the end.</summary>
    public double LearningRateDecay { get; init; } = 0.01;

    /// <summary>null is Langevin dynamics; a number from 0 to 1 is Hamiltonian dynamics that keeps so much of the velocity.</summary>
    public double? Momentum { get; init; }

    /// <summary>What stands for the prior in the chain.</summary>
    public DapsPrior Prior { get; init; } = DapsPrior.Gaussian;

    /// <summary>The noise level of the scores of <see cref="Prior"/>.</summary>
    public double PriorSigma { get; init; } = 0.1;

    /// <summary>Whether chains whose law is known are walked nevertheless: a hundred times the work for another draw from the same law, but recorded noise can be replayed.</summary>
    public bool MoveByMove { get; init; }

    /// <inheritdoc/>
    public override string Remedy => "lower learning-rate";

    // The level at which the last flow starts: below it a flow would end noisier than it began. SigmaMin itself is never reached.
    private double LeastFlow => Steps > 0 ? new KarrasSchedule(SigmaMin, SigmaMax).Levels(Steps + 1)[Steps - 1] : SigmaMax;

    /// <inheritdoc/>
    protected override IEnumerable<string> Problems() =>
    [
        .. Between("steps", Steps, 1, 10000), .. Between("flow-steps", FlowSteps, 1, 1000), .. Between("moves", Moves, 1, 10000),
        .. Between("sigma-max", SigmaMax, 1e-3, 1e4), .. Between("sigma-min", SigmaMin, 1e-4, SigmaMax), .. Between("flow-sigma-min", FlowSigmaMin, 1e-6, LeastFlow),
        .. Between("tau", Tau, 1e-6, 1e3), .. Between("learning-rate", LearningRate ?? 1, 0, 1e3), .. Between("learning-rate-decay", LearningRateDecay, 0, 1),
        .. Between("momentum", Momentum ?? 0, 0, 1), .. Between("prior-sigma", PriorSigma, 1e-6, 1e4),
    ];

    /// <inheritdoc/>
    protected override Restoration Run(
        IMeasurement<LinearOperator> measurement, Denoiser prior, NoiseSource noise, IProgress<SolverStep>? progress, CancellationToken cancellation)
    {
        var (y, h) = (measurement.Data, measurement.Operator);
        var grid = new KarrasSchedule(SigmaMin, SigmaMax).Levels(Steps + 1);
        var rate = LearningRate ?? Math.Min(StableRate, Tau * Tau / 2) / Math.Max(1, LargestGain.Squared(h, y.DType, y.Device));
        var x = noise.Normal(h.InputShape.Batch(y.Size(0)), y.DType, y.Device) * SigmaMax;
        var evaluations = 0;
        var jump = h is SpectralOperator spectral && Prior == DapsPrior.Gaussian && Momentum is null && !MoveByMove ? new SpectralUpdate(spectral, y) : null;
        for (var k = 0; k < Steps; k++)
        {
            cancellation.ThrowIfCancellationRequested();
            using var step = new Scope();
            var (sigma, next) = (grid[k], k + 1 < Steps ? grid[k + 1] : 0);
            var estimate = Flow(x, sigma);
            var lr = rate * (1 + k / (Steps + 1.0) * (LearningRateDecay - 1));
            var moved = jump is null ? Chain(x, estimate, sigma, lr) : Jump(estimate, sigma, lr);
            step.Replace(ref x, moved.AddScaled(noise.NormalLike(x), next));
        }
        return new(x, evaluations);

        // The prior knows nothing below its range: there it is asked at the least level that it knows.
        Tensor Denoise(Tensor state, double sigma)
        {
            var estimate = prior.Denoise(state, Math.Clamp(sigma, prior.SigmaRange.Min, prior.SigmaRange.Max));
            progress?.Report(new(evaluations, Evaluations, sigma, estimate));
            evaluations++;
            return estimate;
        }

        Tensor Flow(Tensor start, double sigma)
        {
            using var scope = new Scope();
            var levels = new KarrasSchedule(FlowSigmaMin, sigma).Levels(FlowSteps + 1);
            var state = start.Clone();
            for (var i = 0; i < FlowSteps; i++)
            {
                cancellation.ThrowIfCancellationRequested();
                using var inner = new Scope();
                // x + (sigma' - sigma) (x - D) / sigma.
                inner.Replace(ref state, Denoise(state, levels[i]).Lerp(state, levels[i + 1] / levels[i]));
            }
            return scope.Keep(state);
        }

        // All moves of u <- u + lr ((x0 - u) / sigma^2 + 2 H^T (y - H u) / tau^2) + sqrt(2 lr) z from u = x0. A coordinate shrinks by a = 1 - lr / sigma^2 - 2 lr s^2 / tau^2 in each.
        Tensor Jump(Tensor estimate, double sigma, double lr)
        {
            using var scope = new Scope();
            return scope.Keep(jump!.Image(jump.Step(estimate, noise.NormalLike(estimate), s =>
            {
                var pull = 2 * lr * s * s / (Tau * Tau);
                var shrink = 1 - lr / (sigma * sigma) - pull;
                var data = pull * GeometricSum(shrink, Moves);
                return new(1 - data, data, 0, Math.Sqrt(2 * lr * GeometricSum(shrink * shrink, Moves)));
            })));
        }

        Tensor Chain(Tensor state, Tensor estimate, double sigma, double lr)
        {
            using var scope = new Scope();
            var fixedScore = Prior switch
            {
                DapsPrior.ScoreAtEstimate => Score(estimate, PriorSigma),
                DapsPrior.ScoreOfState => Score(state, sigma),
                _ => null,
            };
            var u = estimate.Clone();
            var velocity = Momentum is null ? null : noise.NormalLike(u).Clone();
            for (var i = 0; i < Moves; i++)
            {
                cancellation.ThrowIfCancellationRequested();
                using var inner = new Scope();
                var likelihood = h.Adjoint(y - h.Apply(u));
                if (velocity is null && Prior == DapsPrior.Gaussian)
                {
                    // (x - u) + (x0 - x) = x0 - u: in place, because there are a hundred moves a step.
                    u.LerpInPlace(estimate, lr / (sigma * sigma)).AddInPlace(likelihood, 2 * lr / (Tau * Tau)).AddInPlace(noise.NormalLike(u), Math.Sqrt(2 * lr));
                    continue;
                }
                var force = (likelihood * (2 / (Tau * Tau))).AddScaled(state - u, 1 / (sigma * sigma));
                force = Prior switch
                {
                    DapsPrior.Gaussian => force.AddScaled(estimate - state, 1 / (sigma * sigma)),
                    DapsPrior.Exact => force + Score(u, PriorSigma),
                    _ => force + fixedScore!,
                };
                if (velocity is null)
                {
                    u.AddInPlace(force, lr).AddInPlace(noise.NormalLike(u), Math.Sqrt(2 * lr));
                    continue;
                }
                var kept = Momentum.GetValueOrDefault();
                velocity.MultiplyInPlace(kept).AddInPlace(force, Math.Sqrt(lr)).AddInPlace(noise.NormalLike(u), Math.Sqrt(2 * (1 - kept)));
                u.AddInPlace(velocity, Math.Sqrt(lr));
            }
            return scope.Keep(u);
        }

        Tensor Score(Tensor at, double sigma)
        {
            using var scope = new Scope();
            return scope.Keep((Denoise(at, sigma) - at) * (1 / (sigma * sigma)));
        }
    }

    // 1 + q + q^2 + ... + q^(count - 1).
    private static double GeometricSum(double q, int count) => Math.Abs(1 - q) < 1e-9 ? count : (1 - Math.Pow(q, count)) / (1 - q);
}
