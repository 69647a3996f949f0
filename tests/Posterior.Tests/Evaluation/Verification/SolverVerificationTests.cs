using Posterior.Diffusion;
using Posterior.Evaluation.Verification;
using Posterior.Operators;
using Posterior.Solvers;
using Posterior.Torch;

namespace Posterior.Tests.Evaluation.Verification;

[Collection(LiveHandles.Name)]
public sealed class SolverVerificationTests
{
    [Fact]
    public void Exact_samples_are_judged_exact_in_every_task()
    {
        var before = LiveHandles.Count();
        var report = SolverVerification.Run([new ExactSolver(1)], 1000, 3);
        Assert.Equal(10, report.Rows.Count);
        Assert.All(report.Rows, row => Assert.True(row.Verdict == Verdict.SamplesThePosterior, $"{row}"));
        Assert.All(report.Rows.Where(row => row.Spread is not null), row => Assert.Equal(1, row.Spread!.Value, 0.1));
        Assert.All(report.Tasks, task => Assert.Equal(1, task.Weights.Sum(), 1e-9));
        // Half of the tasks at least leave open which component it is.
        Assert.True(report.Tasks.Count(task => task.Weights.Max() < 0.95) >= 5);
        Assert.Equal(before, LiveHandles.Count());
    }

    [Fact]
    public void Samples_of_half_the_spread_are_not_judged_exact_where_there_is_a_spread() =>
        Assert.All(SolverVerification.Run([new ExactSolver(0.5)], 1000, 3).Rows.Where(row => row.Spread is not null), row =>
        {
            Assert.Equal(0.5, row.Spread!.Value, 0.05);
            Assert.Equal(Verdict.Approximates, row.Verdict);
        });

    [Fact]
    public void The_pseudo_inverse_is_a_point_estimate_and_is_not_asked_about_noise()
    {
        var rows = SolverVerification.Run([new PseudoInverseSolver()], 200, 3).Rows;
        Assert.All(rows, row => Assert.Equal(row switch { { Sigma: > 0 } => Verdict.DoesNotApply, { Operator: "denoise" } => Verdict.SamplesThePosterior, _ => Verdict.PointEstimate }, row.Verdict));
    }

    [Fact]
    public void A_solver_that_stops_or_that_leaves_the_numbers_stands_in_its_rows_and_the_others_go_on()
    {
        var rows = SolverVerification.Run([new Broken(false), new Broken(true), new PseudoInverseSolver()], 200, 3, workers: 2).Rows;
        Assert.All(rows.Take(10), row => Assert.Equal((Verdict.Fails, "went out of bounds at step 3"), (row.Verdict, row.Problem)));
        Assert.All(rows.Skip(10).Take(10), row =>
        {
            Assert.Equal(Verdict.Fails, row.Verdict);
            Assert.Contains("not finite", row.Problem, StringComparison.Ordinal);
        });
        Assert.DoesNotContain(Verdict.Fails, rows.Skip(20).Select(row => row.Verdict));
    }

    [Fact]
    public void Two_workers_find_what_one_finds_and_cancellation_stops_both()
    {
        Solver[] solvers = [new Ddrm { Steps = 3 }, new Ddnm { Steps = 3 }];
        var (one, two) = (SolverVerification.Run(solvers, 200, 3), SolverVerification.Run(solvers, 200, 3, workers: 2));
        Assert.Equal(one.Rows.Select(row => (row.Solver, row.Operator, row.Distance, row.WeightError)), two.Rows.Select(row => (row.Solver, row.Operator, row.Distance, row.WeightError)));
        using var source = new CancellationTokenSource();
        var steps = 0;
        var progress = new Reporter<VerificationStep>(_ =>
        {
            if (Interlocked.Increment(ref steps) == 5) source.Cancel();
        });
        Assert.ThrowsAny<OperationCanceledException>(() => SolverVerification.Run(solvers, 200, 3, 2, progress, source.Token));
    }

    // Conditions the closed-form prior itself; the deviations from each component's mean are scaled.
    private sealed record ExactSolver(double Scale) : Solver<SpectralOperator>
    {
        public override string Name => "exact";

        public override bool HandlesNoise => true;

        public override int Evaluations => 0;

        protected override Restoration Run(IMeasurement<SpectralOperator> measurement, Denoiser prior, NoiseSource noise, IProgress<SolverStep>? progress, CancellationToken cancellation)
        {
            var (y, h) = (measurement.Data, measurement.Operator);
            var (count, n) = (y.Size(0), h.InputShape.Count);
            // U^T H = S V^T, without the rows of zeros.
            var matrix = h.Apply(Tensor.Eye(n, DType.Float64).Reshape(h.InputShape.Batch(n))).Reshape(n, -1).Transpose(0, 1);
            var (u, s, vh) = matrix.Svd();
            var rank = s.ToArray<double>().Count(value => value > 1e-9);
            var rows = (vh * s.Unsqueeze(1)).Narrow(0, 0, rank);
            var data = u.Narrow(1, 0, rank).Transpose(0, 1).MatMul(y.Narrow(0, 0, 1).Reshape(-1));
            var closed = prior is DivergenceGuard guard ? guard.Prior : prior;
            if (closed is GaussianDenoiser normal)
            {
                var (posterior, _) = normal.Condition(rows, data, measurement.Sigma);
                return new((posterior.Sample(count, noise) - posterior.Mean) * Scale + posterior.Mean, 0);
            }
            return new(((GaussianMixtureDenoiser)closed).Condition(rows, data, measurement.Sigma).Posterior.Sample(count, noise), 0);
        }
    }

    private sealed record Broken(bool Quietly) : Solver<LinearOperator>
    {
        public override string Name => "broken";

        public override bool HandlesNoise => true;

        public override int Evaluations => 1;

        protected override Restoration Run(IMeasurement<LinearOperator> measurement, Denoiser prior, NoiseSource noise, IProgress<SolverStep>? progress, CancellationToken cancellation) =>
            Quietly ? new(noise.Normal(measurement.Operator.InputShape.Batch(measurement.Data.Size(0)), DType.Float64) * double.NaN, 1) : throw new InvalidOperationException("went out of bounds at step 3");
    }
}
