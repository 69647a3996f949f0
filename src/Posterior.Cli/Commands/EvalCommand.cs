using System.CommandLine;
using System.Globalization;
using Posterior.Evaluation.Experiments;
using Posterior.Metrics;

namespace Posterior.Cli.Commands;

/// <summary><c>posterior eval</c>: runs an experiment and writes its tables.</summary>
internal static class EvalCommand
{
    public static Command Create()
    {
        var file = new Argument<string>("EXPERIMENT") { Description = "A YAML file: dataset, tasks, methods, metrics; see docs/experiments.md." };
        var output = Options.Text("--output", "The folder of results and tables. [default: out/eval/NAME]", "FOLDER", "-o");
        var data = Options.Text("--data", "Images to use instead of the file's dataset: a folder, .zip or glob.", "DATA");
        var images = Options.Number<int>("--images", "How many images, instead of the file's number.", "N");
        var weights = new Option<string[]>("--weights") { Description = "A weight file of a metric, as lpips-alex=FILE; the option may be repeated.", HelpName = "METRIC=FILE", AllowMultipleArgumentsPerToken = true };
        var dryRun = Options.Flag("--dry-run", "Print what would be done and how long it would take; restore nothing.");
        var (threads, json) = (Options.Threads(), Options.Json());
        var command = new Command("eval", "Runs methods x tasks x images and writes tables. What is done already is not done again; several processes may share a folder.") { file, output, data, images, weights, dryRun, threads, json };
        command.SetAction(parsed =>
        {
            Options.Apply(parsed.GetValue(threads));
            var path = parsed.GetRequiredValue(file);
            var experiment = ExperimentFile.Load(path);
            if (parsed.GetValue(images) is < 1) throw new ArgumentException(string.Create(CultureInfo.InvariantCulture, $"--images is {parsed.GetValue(images)}, expected 1 or more"));
            experiment = experiment with
            {
                Dataset = experiment.Dataset with
                {
                    Path = parsed.GetValue(data) is { } other ? Path.GetFullPath(other) : experiment.Dataset.Path,
                    Images = parsed.GetValue(images) ?? experiment.Dataset.Images,
                },
            };
            var folder = parsed.GetValue(output) ?? Path.Combine("out", "eval", Path.GetFileNameWithoutExtension(path));
            using var metrics = ExperimentMetrics.Load(experiment.Metrics, parsed.GetValue(weights) ?? []);
            foreach (var missing in metrics.Missing) Terminal.Note($"{missing} is left out: name its weights with --weights {missing}=FILE, from {WeightedMetrics.Files(missing)}");
            experiment = experiment with { Metrics = [.. metrics.Loaded.Select(metric => metric.Name)] };
            using var run = new ExperimentRun(experiment, folder, Path.GetDirectoryName(Path.GetFullPath(path))!, metrics.Loaded);
            var plan = run.Plan();
            foreach (var note in plan.Notes) Terminal.Note(note);
            var summary = string.Create(CultureInfo.InvariantCulture, $"{plan.Restorations} restorations of {run.ImageCount} images, {plan.Left} left: {plan.Evaluations} evaluations of {plan.SecondsPerEvaluation * 1e3:0} ms, about {(long)plan.Time.TotalHours}:{plan.Time:mm\\:ss}");
            if (parsed.GetValue(dryRun))
            {
                Terminal.Line(summary);
                return 0;
            }
            if (!parsed.GetValue(json)) Terminal.Line(summary);
            var done = 0;
            ProgressView.Run("restoring", Math.Max(1, plan.Left), view =>
            {
                run.Run(new Reporter<ResultRow>(row => view.Report(++done, $"{row.Task}, {row.Method}")), Interrupts.Token);
                return true;
            });
            var description = run.Describe();
            var rows = description.Rows(folder);
            var markdown = description.Write(folder, rows);
            Print(description.Experiment, rows, markdown, parsed.GetValue(json));
            return 0;
        });
        return command;
    }

    /// <summary>Prints tables.</summary>
    public static void Print(Experiment experiment, IReadOnlyList<ResultRow> rows, string markdown, bool json)
    {
        if (json) Terminal.Json([.. ResultTable.Of(experiment, rows)], ResultJson.Default.ResultTableArray);
        else Terminal.Line(markdown);
    }
}
