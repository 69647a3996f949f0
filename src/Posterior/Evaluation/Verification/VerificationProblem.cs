using Posterior.Diffusion;
using Posterior.Metrics;
using Posterior.Operators;
using Posterior.Solvers;
using Posterior.Torch;

namespace Posterior.Evaluation.Verification;

/// <summary>A measurement whose posterior is known exactly, and how far samples are from it. The tensors belong to the scope that was open when it was made; threads may share it.</summary>
internal abstract class VerificationProblem
{
    /// <summary>How many sets of exact samples tell what sampling alone costs.</summary>
    private const int ExactSets = 20;

    /// <summary>A solver's samples count as exact up to this multiple of the largest distance of a set of exact samples.</summary>
    private const double Allowance = 1.5;

    /// <summary>Where the posterior has no spread, the share of the prior's distance that is rounding.</summary>
    private const double Rounding = 1e-3;

    private readonly VerificationTask _task;
    private readonly Tensor _y;

    private protected VerificationProblem(VerificationTask task, Denoiser prior, Tensor truth, ulong seed)
    {
        (_task, Prior) = (task, prior);
        using var h = task.Bind();
        using var scope = new Scope();
        _y = scope.Keep(Measurement<SpectralOperator>.Simulate(h, truth, task.SignedSigma, new SeededNoise(ImageSeed.Of("verify-noise", seed, Key, 0))).Data);
    }

    /// <summary>The prior.</summary>
    public Denoiser Prior { get; }

    /// <summary>The distance of exact samples, as many as the solver draws: the median of several sets.</summary>
    public double Floor { get; private set; }

    /// <summary>Up to this distance samples count as exact.</summary>
    public double Limit { get; private set; }

    /// <summary>The distance of the prior itself: of an answer that does not look at the measurement.</summary>
    public double PriorDistance { get; private set; }

    /// <summary>The kind of prior: part of the seeds.</summary>
    private protected abstract string Kind { get; }

    private string Key => FormattableString.Invariant($"{Kind} {_task.Operator} {_task.Sigma}");

    /// <summary>The distance of samples from the posterior.</summary>
    /// <param name="samples"><c>[N, 1, 4, 4]</c>.</param>
    public abstract double Distance(Tensor samples);

    /// <summary>Runs a solver, every sample with its own seed.</summary>
    /// <returns>The samples, <c>[count, 1, 4, 4]</c>, Float64.</returns>
    public Tensor Run(Solver solver, int count, ulong seed, IProgress<SolverStep>? progress, CancellationToken cancellation)
    {
        using var h = _task.Bind();
        using var scope = new Scope();
        var seeds = Enumerable.Range(0, count).Select(sample => ImageSeed.Of("verify", seed, Key, sample)).ToArray();
        var data = _y.Repeat([count, .. Enumerable.Repeat(1L, h.OutputShape.Count)]);
        return scope.Keep(solver.RestoreAny(new Measurement<SpectralOperator>(data, h, _task.SignedSigma), Prior, new SeededNoise(seeds), progress, cancellation).Estimate);
    }

    /// <summary>Whether the solver can take the task: the rung of its operator and its noise.</summary>
    public static bool Applies(Solver solver, VerificationTask task)
    {
        using var h = task.Bind();
        return solver.Accepts(h) && (solver.HandlesNoise || task.Sigma == 0);
    }

    /// <summary>Exact samples of the posterior.</summary>
    private protected abstract Tensor Exact(int count, NoiseSource noise);

    /// <summary>The measurement as independent rows: <c>U^T H</c> and <c>U^T y</c> without the rows that hold noise only. The noise of the others stays as it is.</summary>
    private protected (Tensor Matrix, Tensor Data) IndependentRows()
    {
        using var h = _task.Bind();
        using var scope = new Scope();
        var n = VerificationTask.Shape.Count;
        var matrix = h.Apply(Tensor.Eye(n, DType.Float64).Reshape(VerificationTask.Shape.Batch(n))).Reshape(n, -1).Transpose(0, 1);
        var (u, s, vh) = matrix.Svd();
        var rank = (long)s.Greater(s.Max().Item() * 1e-9).To(DType.Float64).Sum().Item();
        var rows = (vh * s.Unsqueeze(1)).Narrow(0, 0, rank).Contiguous();
        return (scope.Keep(rows), scope.Keep(u.Narrow(1, 0, rank).Transpose(0, 1).MatMul(_y.Reshape(-1))));
    }

    /// <summary>Measures what sampling alone costs; the last step of making a problem.</summary>
    private protected void MeasureFloor(int count, ulong seed, double priorDistance)
    {
        var distances = Enumerable.Range(0, ExactSets).Select(set =>
        {
            using var scope = new Scope();
            var seeds = Enumerable.Range(0, count).Select(sample => ImageSeed.Of("verify-exact", seed, $"{Key} {set}", sample)).ToArray();
            return Distance(Exact(count, new SeededNoise(seeds)));
        }).Order().ToArray();
        Floor = (distances[ExactSets / 2 - 1] + distances[ExactSets / 2]) / 2;
        PriorDistance = priorDistance;
        Limit = Math.Max(Allowance * distances[^1], Rounding * priorDistance);
    }
}

/// <summary>A normal prior, hence a normal posterior: the distance is the 2-Wasserstein distance of the normal distribution that fits the samples.</summary>
internal sealed class NormalProblem : VerificationProblem
{
    private readonly GaussianDenoiser _posterior;
    private readonly Tensor _covariance;
    private readonly double _deviation;

    /// <summary>Makes one of a task.</summary>
    public NormalProblem(VerificationTask task, GaussianDenoiser prior, int count, ulong seed)
        : base(task, prior, prior.Sample(1, new SeededNoise(ImageSeed.Of("verify-truth", seed, "normal", 0))), seed)
    {
        var (rows, data) = IndependentRows();
        (_posterior, _) = prior.Condition(rows, data, task.SignedSigma);
        _covariance = _posterior.Covariance();
        var scale = Math.Sqrt(prior.Covariance().Diagonal().Sum().Item());
        var deviation = Math.Sqrt(Math.Max(0, _covariance.Diagonal().Sum().Item()));
        // A point, up to rounding, has no spread to be compared with.
        _deviation = deviation > 1e-6 * scale ? deviation : 0;
        MeasureFloor(count, seed, GaussianDistance.Wasserstein(prior.Mean, prior.Covariance(), _posterior.Mean, _covariance));
    }

    /// <summary>Whether the posterior has a spread; without noise an invertible operator leaves a point.</summary>
    public bool IsSpread => _deviation > 0;

    /// <inheritdoc/>
    private protected override string Kind => "normal";

    /// <inheritdoc/>
    public override double Distance(Tensor samples)
    {
        using var scope = new Scope();
        var (mean, covariance) = GaussianDistance.Fit(samples);
        return GaussianDistance.Wasserstein(_posterior.Mean, _covariance, mean, covariance);
    }

    /// <summary>The standard deviation of samples, over all pixels, as a multiple of the posterior's; null where the posterior is a point.</summary>
    public double? Spread(Tensor samples)
    {
        using var scope = new Scope();
        return IsSpread ? Math.Sqrt(GaussianDistance.Fit(samples).Covariance.Diagonal().Sum().Item()) / _deviation : null;
    }

    /// <inheritdoc/>
    private protected override Tensor Exact(int count, NoiseSource noise) => _posterior.Sample(count, noise);
}

/// <summary>A mixture as prior, hence a mixture as posterior: the distance is the total variation between the weights of its components among the samples and the exact ones.</summary>
internal sealed class MixtureProblem : VerificationProblem
{
    private readonly GaussianMixtureDenoiser _prior;
    private readonly GaussianMixtureDenoiser _posterior;

    /// <summary>Makes one of a task.</summary>
    public MixtureProblem(VerificationTask task, GaussianMixtureDenoiser prior, int count, ulong seed)
        : base(task, prior, Ambiguous(prior), seed)
    {
        _prior = prior;
        var (rows, data) = IndependentRows();
        (_posterior, _) = prior.Condition(rows, data, task.SignedSigma);
        MeasureFloor(count, seed, TotalVariation(prior.Weights));
    }

    /// <summary>The exact weights of the components.</summary>
    public IReadOnlyList<double> Weights => _posterior.Weights;

    /// <inheritdoc/>
    private protected override string Kind => "mixture";

    /// <inheritdoc/>
    public override double Distance(Tensor samples) => TotalVariation(WeightsOf(samples));

    /// <summary>
    /// The weights of the components among samples: the mean probability of each component given the image. Given the image, the measurement tells nothing more, so that the
    /// posterior's probabilities are the prior's, also where the posterior has no density.
    /// </summary>
    public IReadOnlyList<double> WeightsOf(Tensor samples)
    {
        using var scope = new Scope();
        return _prior.Responsibilities(samples, 0).Mean([1]).ToArray<double>();
    }

    /// <inheritdoc/>
    private protected override Tensor Exact(int count, NoiseSource noise) => _posterior.Sample(count, noise);

    // Between the components, so that the measurement leaves open which one it is.
    private static Tensor Ambiguous(GaussianMixtureDenoiser prior)
    {
        double[] shares = [0.36, 0.34, 0.3];
        return prior.Components.Select((component, i) => component.Mean * shares[i]).Aggregate((sum, next) => sum + next);
    }

    private double TotalVariation(IReadOnlyList<double> weights) => weights.Zip(Weights, (found, exact) => Math.Abs(found - exact)).Sum() / 2;
}
