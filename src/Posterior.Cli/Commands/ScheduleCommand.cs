using System.CommandLine;
using System.Globalization;
using Posterior.Evaluation;
using Posterior.Evaluation.Experiments;
using Posterior.Evaluation.Reversal;
using Posterior.Imaging;
using Posterior.Operators;
using Posterior.Torch;

namespace Posterior.Cli.Commands;

/// <summary><c>posterior schedule</c>: greedy degradation scheduling.</summary>
internal static class ScheduleCommand
{
    public static Command Create()
    {
        var degradation = Options.RequiredText("--degradation", "A degradation by severity, as severity-blur:max=1.5; 'posterior operators' lists them.", "OP");
        var data = Options.RequiredText("--data", "Clean images: a folder, .zip or glob.", "IMAGES");
        var output = Options.Output("The picture; the schedule lies beside it as .json, for --set schedule=FILE of a training.");
        var distance = Options.Text("--distance", "How far apart two severities are: psnr, ssim, or lpips-alex, lpips-vgg, lpips-squeeze with --weights. [default: ssim]", "METRIC");
        var weights = Options.Several("--weights", "The weights of a metric, as lpips-alex=FILE; may be repeated.", "METRIC=FILE");
        var images = Options.Number<int>("--images", "How many images, evenly spread.", "N", 16);
        var size = Options.Number<int>("--crop", "The centre of this height and width of each.", "N", 64);
        var candidates = Options.Number<int>("--candidates", "Equally spaced severities to choose from.", "N", 41);
        var points = Options.Number<int>("--points", "How many to choose beside the first and the last.", "N", 10);
        var (threads, json) = (Options.Threads(), Options.Json());
        var command = new Command("schedule", "Chooses severities of a degradation so that neighbours are equally far apart on given images (greedy scheduling, for Dirac).") { degradation, data, output, distance, weights, images, size, candidates, points, threads, json };
        command.SetAction(parsed =>
        {
            Options.Apply(parsed.GetValue(threads));
            var spec = OperatorCatalog.Parse(parsed.GetRequiredValue(degradation)) as SeveritySpec ?? throw new OperatorException($"'{parsed.GetRequiredValue(degradation)}' is no degradation by severity");
            var (count, most, add, side) = (parsed.GetValue(images) ?? 16, parsed.GetValue(candidates) ?? 41, parsed.GetValue(points) ?? 10, parsed.GetValue(size) ?? 64);
            if (most is < 3 or > 1000 || add < 1 || add > most - 2) throw new ArgumentException($"--candidates and --points: expected 3 to 1000 candidates and 1 to two fewer points, found {most} and {add}");
            if (count is < 1 or > 10_000 || side is < 11 or > 4096) throw new ArgumentException($"--images and --crop: expected 1 to 10000 images of 11 to 4096 pixels, found {count} and {side}");
            var path = parsed.GetRequiredValue(output);
            ImageFile.FormatOf(path);
            StudyFiles.CheckReplaceable(path, "degradation", "severities");
            BatchPlan.Check([new(parsed.GetRequiredValue(data), path)], file => [file, StudyFiles.NumbersFor(file)], BatchPlan.FilesOf(parsed.GetRequiredValue(data)));
            OutputSet.CheckWritable(Path.GetDirectoryName(Path.GetFullPath(path))!);
            var name = parsed.GetValue(distance) ?? "ssim";
            using var metrics = ExperimentMetrics.Load([name], parsed.GetValue(weights) ?? []);
            if (metrics.Missing.Count > 0) throw new ArgumentException($"metric '{name}' needs weights: --weights {name}=FILE, {ExperimentMetrics.Files(name)}");
            if (metrics.Loaded.Count == 0) throw new ArgumentException($"metric '{name}' compares sets of images; a schedule takes one of single images");
            using var scope = new Scope();
            using var source = ImageSource.Open(parsed.GetRequiredValue(data));
            count = Math.Min(count, source.Count);
            var clean = Tensor.Cat([.. Enumerable.Range(0, count).Select(i => Original((int)((long)i * source.Count / count)))]);
            var distances = ProgressView.Run("comparing", 1, view => ScheduleStudy.Distances(spec, clean, metrics.Loaded[0], most, new Reporter<double>(share => view.Report(share)), Interrupts.Token));
            var file = ScheduleStudy.Choose(spec, distances, add, name, $"{count} images of {source.Origin}, {side}x{side}");
            StudyFiles.Write(path, CurvePicture.Of(file), file.ToJson());
            if (parsed.GetValue(json)) Terminal.Line(file.ToJson());
            else
            {
                Terminal.Table(["t", "severity"], [.. file.Times.Zip(file.Severities, (time, severity) => (string[])[time.ToString("0.###", CultureInfo.InvariantCulture), severity.ToString("0.###", CultureInfo.InvariantCulture)])]);
                Terminal.Line(string.Create(CultureInfo.InvariantCulture, $"{Terminal.OneLine(StudyFiles.NumbersFor(path))}  largest distance of neighbours {file.Widest[^1]:0.####} ({name}); linear {Linear(distances, file.Severities.Count):0.####}"));
            }
            return 0;

            Tensor Original(int index)
            {
                using var whole = new Scope();
                return whole.Keep(ValueRange.ToSigned(Crop.Centre(Crop.Reduced(Colour.ToColour(source.LoadUnit(index)), source.Name(index), 1, (side, side)), side, side)));
            }
        });
        return command;
    }

    // The largest distance of as many equally spaced severities, as nearly as the candidates have them.
    private static double Linear(double[,] distances, int count)
    {
        var n = distances.GetLength(0);
        int[] indices = [.. Enumerable.Range(0, count).Select(i => (int)Math.Round(i * (n - 1.0) / (count - 1)))];
        return Enumerable.Range(1, count - 1).Max(i => distances[indices[i - 1], indices[i]]);
    }
}
