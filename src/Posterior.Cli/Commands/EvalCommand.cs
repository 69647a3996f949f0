using System.CommandLine;
using System.Globalization;
using Posterior.Evaluation.Experiments;
using Posterior.Evaluation.Experiments.Report;
using Posterior.Imaging;
using Posterior.Torch;

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
        var weights = Options.Several("--weights", "A weight file of a metric, as lpips-alex=FILE or fid=FILE; the option may be repeated.", "METRIC=FILE");
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
            foreach (var read in new[] { experiment.Dataset.Path, experiment.Reference?.Path }.OfType<string>())
                if (Directory.Exists(read) && FolderSearch.IsWithin(folder, read)) throw new ArgumentException($"the results' folder '{folder}' lies inside the data '{read}', whose images its pictures would become");
            using var metrics = ExperimentMetrics.Load(experiment.Metrics.Count > 0 ? experiment.Metrics : Usual(experiment.Dataset), parsed.GetValue(weights) ?? []);
            foreach (var missing in metrics.Missing) Terminal.Note($"{missing} is left out: name its weights with --weights {missing}=FILE, from {ExperimentMetrics.Files(missing)}");
            experiment = experiment with { Metrics = metrics.Names };
            using var run = new ExperimentRun(experiment, folder, Path.GetDirectoryName(Path.GetFullPath(path))!, metrics);
            var plan = ProgressView.Run("reading images", run.ImageCount, view => run.Plan(new Reporter<int>(done => view.Report(done)), Interrupts.Token));
            foreach (var note in plan.Notes) Terminal.Note(note);
            var summary = string.Create(CultureInfo.InvariantCulture, $"{plan.Restorations} restorations of {run.ImageCount} images, {plan.Left} left: {plan.Evaluations} evaluations, about {(long)plan.Time.TotalHours}:{plan.Time:mm\\:ss}");
            if (parsed.GetValue(dryRun))
            {
                if (parsed.GetValue(json)) Terminal.Json(plan, ResultJson.Default.ExperimentPlan);
                else Terminal.Line(summary);
                return 0;
            }
            if (!parsed.GetValue(json)) Terminal.Line(summary);
            var done = 0;
            var diverged = ProgressView.Run("restoring", Math.Max(1, plan.Left), view => run.Run(new Reporter<ResultRow>(row => view.Report(++done, $"{row.Task}, {row.Method}")), Interrupts.Token));
            Report(run.Describe(cancellation: Interrupts.Token), folder, parsed.GetValue(json));
            if (run.Left() - diverged.Count is > 0 and var left) Terminal.Note($"{left} restorations are in the hands of another process, or were when it ended: the tables lack them until this is run again");
            foreach (var failure in diverged) Terminal.Problem(failure);
            return diverged.Count == 0 ? 0 : 1;
        });
        return command;
    }

    /// <summary>Writes tables and page and prints the tables.</summary>
    public static void Report(ExperimentFolder description, string folder, bool json)
    {
        var rows = description.Rows(folder);
        var markdown = ProgressView.Run("writing", 1, view => description.Write(folder, rows, new Reporter<double>(share => view.Report(share, ReportPage.FileName))));
        if (json)
        {
            Terminal.Json([.. ResultTable.Of(description.Experiment, rows, description.Sets)], ResultJson.Default.ResultTableArray);
            return;
        }
        Terminal.Line(markdown);
        Terminal.Note($"tables and pictures: {Path.Combine(folder, ReportPage.FileName)}");
    }

    private static IReadOnlyList<string> Usual(ExperimentDataset dataset)
    {
        using var scope = new Scope();
        using var images = new ExperimentImages(dataset);
        return ExperimentMetrics.Usual(ImageShape.Of(images.Load(0).Image));
    }
}
