using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using Posterior.Evaluation;
using Posterior.Evaluation.Benchmarks;
using Posterior.Torch;

namespace Posterior.Cli.Commands;

/// <summary><c>posterior bench</c>: speed and memory as ratios, each with its bar.</summary>
internal static class BenchCommand
{
    private const int Starts = 9, ProbeSide = 64;
    private const double VersionBar = 0.15, EvaluationBar = 1.5;

    public static Command Create()
    {
        var (json, threads) = (Options.Json(), Options.Threads());
        var probe = new Option<bool>("--probe") { Description = "Load the model, evaluate it once, and end: what 'bench' times.", Hidden = true };
        var command = new Command("bench", "Measures speed and memory, with the bar of each row; takes minutes and wants an idle machine.") { json, threads, probe };
        command.SetAction(parsed =>
        {
            Options.Apply(parsed.GetValue(threads));
            if (parsed.GetValue(probe)) return EvaluateOnce();
            var rows = ProgressView.Run("measuring", 1, view => (BenchmarkRow[])[.. StartUp(), .. SpeedBenchmark.Run(new Reporter<string>(what => view.Report(0, what)), Interrupts.Token)]);
            if (parsed.GetValue(json)) Terminal.Json(rows, ResultJson.Default.BenchmarkRowArray);
            else Print(rows);
            return rows.All(row => row.Holds != false) ? 0 : 1;
        });
        return command;
    }

    private static IEnumerable<BenchmarkRow> StartUp()
    {
        yield return new("posterior --version", Seconds("--version"), "s", VersionBar, BarSide.AtMost);
        if (Models.ModelZoo.Names.Contains(new PriorSettings().Model)) yield return new("process start to the end of the first network evaluation", Seconds("bench", "--probe"), "s", EvaluationBar, BarSide.AtMost);
    }

    private static int EvaluateOnce()
    {
        using var noGrad = new NoGrad();
        using var scope = new Scope();
        using var prior = Prior.Load(new());
        prior.For(prior.Channels ?? 3).Denoise(new SeededNoise(1).Normal([1, prior.Channels ?? 3, ProbeSide, ProbeSide]), 1);
        return 0;
    }

    // The median of whole processes, after one that fills the file caches.
    private static double Seconds(params string[] arguments)
    {
        var times = new List<double>();
        for (var i = 0; i <= Starts; i++)
        {
            Interrupts.Token.ThrowIfCancellationRequested();
            times.Add(Timing.Seconds(() =>
            {
                using var process = Process.Start(new ProcessStartInfo(Environment.ProcessPath!, arguments) { RedirectStandardOutput = true })!;
                process.StandardOutput.ReadToEnd();
                process.WaitForExit();
                if (process.ExitCode != 0) throw new InvalidOperationException($"'{string.Join(' ', arguments)}' ended with code {process.ExitCode}");
            }));
        }
        return Timing.Median(times.Skip(1));
    }

    private static void Print(IReadOnlyList<BenchmarkRow> rows) => Terminal.Table(
        ["name", "value", "unit", "bar", "holds"],
        [.. rows.Select(row => (string[])[row.Name, row.Value.ToString("0.####", CultureInfo.InvariantCulture), row.Unit, Bar(row), row.Holds switch { true => "yes", false => "NO", null => "" }])]);

    private static string Bar(BenchmarkRow row) => row.Bar is { } bar ? string.Create(CultureInfo.InvariantCulture, $"{(row.Side == BarSide.AtLeast ? "at least" : "at most")} {bar:0.####}") : "";
}
