using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using Posterior.Solvers;
using Posterior.Torch;

namespace Posterior.Evaluation.Verification;

/// <summary>
/// Holds solvers against exact posteriors: a normal prior and a mixture, known in closed form, and measurements by five operators, with and without noise. What a solver draws is
/// compared with the truth, beside what as many exact samples score and what the prior alone scores.
/// </summary>
public static class SolverVerification
{
    /// <summary>Below this share of the posterior's spread samples are one image: an optimiser's chance, not a distribution.</summary>
    private const double PointSpread = 0.05;

    /// <summary>Runs solvers in all tasks.</summary>
    /// <param name="solvers">The solvers, with any settings.</param>
    /// <param name="samples">Samples of each solver in each task and prior, 100 to 1,000,000.</param>
    /// <param name="seed">Everything random follows from it.</param>
    /// <param name="workers">How many solvers run at once, 1 or more.</param>
    /// <param name="progress">Told the share of the work that is done, 0 to 1, and what is done; from several threads at once.</param>
    /// <param name="cancellation">Stops between steps.</param>
    /// <exception cref="ArgumentOutOfRangeException">A number is out of range.</exception>
    /// <exception cref="OperationCanceledException">The work was cancelled.</exception>
    public static VerificationReport Run(
        IReadOnlyList<Solver> solvers, int samples, ulong seed, int workers = 1, IProgress<VerificationStep>? progress = null, CancellationToken cancellation = default)
    {
        if (samples is < 100 or > 1_000_000) throw new ArgumentOutOfRangeException(nameof(samples), string.Create(CultureInfo.InvariantCulture, $"samples is {samples}, expected 100 to 1000000"));
        ArgumentOutOfRangeException.ThrowIfLessThan(workers, 1);
        using var noGrad = new NoGrad();
        using var scope = new Scope();
        var tasks = VerificationTask.All;
        var (normal, mixture) = (VerificationTask.NormalPrior(), VerificationTask.MixturePrior());
        var problems = tasks.Select(task =>
        {
            cancellation.ThrowIfCancellationRequested();
            return (Normal: new NormalProblem(task, normal, samples, seed), Mixture: new MixtureProblem(task, mixture, samples, seed));
        }).ToArray();

        var rows = new VerificationRow[solvers.Count * tasks.Count];
        // The longest first, so that no worker is left with a long one at the end.
        var order = Enumerable.Range(0, rows.Length).OrderByDescending(index => solvers[index / tasks.Count].Evaluations).ToArray();
        var meter = new Meter(progress, order.Sum(index => Work(solvers[index / tasks.Count], tasks[index % tasks.Count])));
        var options = new ParallelOptions { MaxDegreeOfParallelism = workers, CancellationToken = cancellation };
        // One after the other: ranges would give one worker all the long ones.
        Parallel.ForEach(Partitioner.Create(order, loadBalance: true), options, index =>
        {
            var (solver, task) = (solvers[index / tasks.Count], tasks[index % tasks.Count]);
            rows[index] = Row(solver, task, problems[index % tasks.Count].Normal, problems[index % tasks.Count].Mixture, samples, seed, meter, cancellation);
        });
        return new(samples, seed, [.. tasks.Select((task, i) => Truth(task, problems[i].Normal, problems[i].Mixture))], rows);
    }

    private static VerificationTruth Truth(VerificationTask task, NormalProblem normal, MixtureProblem mixture) => new(
        task.Operator, task.Sigma, normal.Floor, normal.Limit, normal.PriorDistance, mixture.Weights, mixture.Floor, mixture.Limit, mixture.PriorDistance);

    private static VerificationRow Row(
        Solver solver, VerificationTask task, NormalProblem normal, MixtureProblem mixture, int samples, ulong seed, Meter meter, CancellationToken cancellation)
    {
        if (!VerificationProblem.Applies(solver, task)) return new(solver.Name, task.Operator, task.Sigma, Verdict.DoesNotApply);
        using var scope = new Scope();
        var started = Stopwatch.GetTimestamp();
        try
        {
            var what = string.Create(CultureInfo.InvariantCulture, $"{solver.Name}, {task.Operator}, sigma {task.Sigma}");
            var images = normal.Run(solver, samples, seed, meter.Of(what), cancellation);
            var others = mixture.Run(solver, samples, seed, meter.Of(what), cancellation);
            if (!images.IsFinite().All() || !others.IsFinite().All()) return Failure("the samples are not finite");
            var (distance, spread, weightError) = (normal.Distance(images), normal.Spread(images), mixture.Distance(others));
            return new(solver.Name, task.Operator, task.Sigma, Judge(normal, mixture, distance, spread, weightError))
            {
                Evaluations = solver.Evaluations,
                Distance = distance,
                Spread = spread,
                Weights = mixture.WeightsOf(others),
                WeightError = weightError,
                Seconds = Stopwatch.GetElapsedTime(started).TotalSeconds,
            };
        }
        catch (Exception error) when (error is not OperationCanceledException and not OutOfMemoryException)
        {
            // A solver that stops, because it diverged or for any reason of its own, is a result too: it stands in its row.
            return Failure(error.Message.ReplaceLineEndings(" "));
        }

        VerificationRow Failure(string problem) => new(solver.Name, task.Operator, task.Sigma, Verdict.Fails)
        {
            Evaluations = solver.Evaluations,
            Seconds = Stopwatch.GetElapsedTime(started).TotalSeconds,
            Problem = problem,
        };
    }

    private static Verdict Judge(NormalProblem normal, MixtureProblem mixture, double distance, double? spread, double weightError)
    {
        if (distance <= normal.Limit && weightError <= mixture.Limit) return Verdict.SamplesThePosterior;
        if (spread < PointSpread) return Verdict.PointEstimate;
        return distance < normal.PriorDistance ? Verdict.Approximates : Verdict.WorseThanThePrior;
    }

    private static long Work(Solver solver, VerificationTask task) => VerificationProblem.Applies(solver, task) ? 2L * Math.Max(1, solver.Evaluations) : 0;

    // Counts the steps of all workers.
    private sealed class Meter(IProgress<VerificationStep>? progress, long total)
    {
        private long _done;

        public IProgress<SolverStep>? Of(string what) => progress is null ? null : new Reporter<SolverStep>(_ =>
            progress.Report(new(Math.Min(1, Interlocked.Increment(ref _done) / (double)Math.Max(1, total)), what)));
    }
}

/// <summary>A report of a verification's progress.</summary>
/// <param name="Share">The share of the work that is done, 0 to 1.</param>
/// <param name="What">The solver and the task in work.</param>
public readonly record struct VerificationStep(double Share, string What);
