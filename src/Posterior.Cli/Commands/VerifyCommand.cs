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
            Solver[] solvers = parsed.GetValue(solver) is { } name ? [SolverCatalog.Create(name)] : [.. SolverCatalog.All.Select(entry => entry.Default)];
            var report = ProgressView.Run("verifying", 1, view => SolverVerification.Run(
                solvers, parsed.GetValue(samples) ?? 2000, parsed.GetValue(seed) ?? 0, workers, new Reporter<VerificationStep>(step => view.Report(step.Share, step.What)), Interrupts.Token));
            if (parsed.GetValue(json)) Terminal.Json(report, ResultJson.Default.VerificationReport);
            else Print(report);
            return 0;
        });
        return command;
    }

    private static void Print(VerificationReport report)
    {
        foreach (var task in report.Tasks)
        {
            Terminal.Line(Name(task.Operator, task.Sigma));
            Terminal.Table(
                ["", "evaluations", "W2", "spread", "weights", "error", "verdict"],
                [
                    ["exact samples", "", Number(task.Distance), "1.00", Shares(task.Weights), Number(task.WeightError), string.Create(CultureInfo.InvariantCulture, $"exact up to W2 {Number(task.DistanceLimit)}, error {Number(task.WeightErrorLimit)}")],
                    ["the prior", "", Number(task.PriorDistance), "", "", Number(task.PriorWeightError), ""],
                    .. report.Rows.Where(row => (row.Operator, row.Sigma) == (task.Operator, task.Sigma)).Select(Cells),
                ]);
            Terminal.Line();
        }
        Terminal.Line("all tasks; 0 is without noise");
        Terminal.Table(
            ["", .. report.Tasks.Select(task => string.Create(CultureInfo.InvariantCulture, $"{task.Operator} {task.Sigma}")), "seconds"],
            [
                .. report.Rows.GroupBy(row => row.Solver).Select(group => (string[])
                    [group.Key, .. group.Select(row => Word(row.Verdict)), group.Sum(row => row.Seconds).ToString("0", CultureInfo.InvariantCulture)]),
            ]);
        Terminal.Line();
        Terminal.Line(string.Create(CultureInfo.InvariantCulture, $"{report.Samples} samples of each solver in each task and prior, seed {report.Seed}"));
    }

    private static string[] Cells(VerificationRow row) =>
    [
        row.Solver,
        row.Verdict == Verdict.DoesNotApply ? "" : row.Evaluations.ToString(CultureInfo.InvariantCulture),
        Number(row.Distance),
        row.Spread?.ToString("0.00", CultureInfo.InvariantCulture) ?? "",
        row.Weights is { } weights ? Shares(weights) : "",
        Number(row.WeightError),
        row.Problem is { } problem ? $"{Words(row.Verdict)}: {problem}" : Words(row.Verdict),
    ];

    private static string Name(string operation, double sigma) => string.Create(CultureInfo.InvariantCulture, $"{operation}, {(sigma == 0 ? "without noise" : $"sigma {sigma}")}");

    private static string Shares(IReadOnlyList<double> weights) => string.Join(' ', weights.Select(weight => weight.ToString("0.000", CultureInfo.InvariantCulture)));

    private static string Number(double? value) => value?.ToString("0.0000", CultureInfo.InvariantCulture) ?? "";

    private static string Words(Verdict verdict) => verdict switch
    {
        Verdict.SamplesThePosterior => "samples the posterior",
        Verdict.Approximates => "approximates",
        Verdict.PointEstimate => "point estimate",
        Verdict.WorseThanThePrior => "worse than the prior",
        Verdict.Fails => "fails",
        _ => "does not apply",
    };

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
