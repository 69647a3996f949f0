using System.CommandLine;
using System.Globalization;
using Posterior.Evaluation.Verification;
using Posterior.Solvers;
using Posterior.Torch;

namespace Posterior.Cli.Commands;

/// <summary><c>posterior verify</c>: solvers against exact posteriors.</summary>
internal static class VerifyCommand
{
    public static Command Create()
    {
        var (seed, json, threads) = (Options.Seed(), Options.Json(), Options.Threads());
        var solver = Options.Text("--solver", "One method only; 'posterior solvers' lists all.", "SOLVER");
        var samples = Options.Number<int>("--samples", "Samples of each solver in each task and prior.", "N", 2000);
        var command = new Command("verify", "Compares what each solver draws with posteriors that are known exactly: distances, spreads, weights of modes; needs no model.") { solver, samples, seed, json, threads };
        command.SetAction(parsed =>
        {
            var workers = parsed.GetValue(threads) ?? Environment.ProcessorCount;
            Options.Apply(workers);
            // The tensors are small: solvers run side by side, each on one thread.
            TorchRuntime.Threads = 1;
            // The prior has a row of its own.
            Solver[] solvers = parsed.GetValue(solver) is { } name ? [SolverCatalog.Create(name)] : [.. SolverCatalog.ForPriors.Select(entry => entry.Default).Where(solver => solver is not PriorSample)];
            var report = ProgressView.Run("verifying", 1, view => SolverVerification.Run(
                solvers, parsed.GetValue(samples) ?? 2000, parsed.GetValue(seed) ?? 0, workers, new Reporter<VerificationStep>(step => view.Report(step.Share, step.What)), Interrupts.Token));
            if (parsed.GetValue(json)) Terminal.Json(report, ResultJson.Default.VerificationReport);
            else Print(report);
            return 0;
        });
        return command;
    }

    // One table for each measure: solvers down, tasks across, with what exact samples and the prior score.
    private static void Print(VerificationReport report)
    {
        Matrix("W2", task => Number(task.Distance), task => Number(task.PriorDistance), row => row.Distance is { } distance ? Number(distance) : "");
        Matrix("spread", _ => "", _ => "", row => row.Spread?.ToString("0.00", CultureInfo.InvariantCulture) ?? "");
        Matrix("error of weights", task => Number(task.WeightError), task => Number(task.PriorWeightError), row => row.WeightError is { } error ? Number(error) : "");
        Matrix("verdict", _ => "", _ => "", row => Word(row.Verdict));
        foreach (var row in report.Rows.Where(row => row.Problem is not null)) Terminal.Note(string.Create(CultureInfo.InvariantCulture, $"{row.Solver}, {row.Operator} {row.Sigma}: {row.Problem}"));
        Terminal.Line(string.Create(CultureInfo.InvariantCulture, $"0 is without noise; {report.Samples} samples of each solver in each task and prior, seed {report.Seed}, {report.Rows.Sum(row => row.Seconds):0} s of work"));

        void Matrix(string name, Func<VerificationTruth, string> exact, Func<VerificationTruth, string> prior, Func<VerificationRow, string> cell)
        {
            (string Name, Func<VerificationTruth, string> Cell)[] references = [("exact samples", exact), ("the prior", prior)];
            Terminal.Table(
                [name, .. report.Tasks.Select(task => string.Create(CultureInfo.InvariantCulture, $"{task.Operator} {task.Sigma}"))],
                [
                    .. references.Select(reference => (string[])[reference.Name, .. report.Tasks.Select(reference.Cell)]).Where(cells => cells[1].Length > 0),
                    .. report.Rows.GroupBy(row => row.Solver).Select(group => (string[])[group.Key, .. group.Select(cell)]),
                ]);
            Terminal.Line();
        }
    }

    private static string Number(double value) => value.ToString("0.000", CultureInfo.InvariantCulture);

    private static string Word(Verdict verdict) => verdict switch
    {
        Verdict.SamplesThePosterior => "samples",
        Verdict.Approximates => "approx",
        Verdict.PointEstimate => "point",
        Verdict.WorseThanThePrior => "worse",
        Verdict.Fails => "fails",
        _ => "-",
    };
}
