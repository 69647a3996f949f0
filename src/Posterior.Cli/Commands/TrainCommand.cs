using System.CommandLine;
using System.Globalization;
using Posterior.Evaluation;
using Posterior.Imaging;
using Posterior.Models;
using Posterior.Torch;
using Posterior.Torch.Weights;
using Posterior.Training;

namespace Posterior.Cli.Commands;

/// <summary><c>posterior train</c>: trains a prior, or another task of <see cref="TrainingTasks"/>.</summary>
internal static class TrainCommand
{
    public static Command Create()
    {
        var data = Options.Text("--data", "Images: a folder (recursively), a .zip (also with EDM's dataset.json), or a glob.", "DATA");
        var output = Options.Text("--output", "The folder of the run: settings, log, checkpoint, samples, at the end the model and its card.", "RUN", "--out", "-o");
        var task = Options.Text("--task", $"What is taught. {string.Join("; ", TrainingTasks.All.Select(entry => $"{entry.Name}: {entry.Description}"))}. [default: prior]", "NAME");
        var set = Options.Several("--set", "A setting of the task, as NAME=VALUE; `posterior train --task NAME --list` shows them.", "NAME=VALUE");
        var network = Options.Text("--network", "The network: short for --set network=NAME.", "NAME");
        var list = Options.Flag("--list", "Print the settings of the task and stop.");
        var images = Options.Number<long>("--images", "Crops to see in all.", "N", 1_000_000);
        var (batch, crop) = (Options.Number<int>("--batch", "Crops in a step.", "N", 16), Options.Number<int>("--crop", "Height and width of a crop.", "N", 64));
        var shrink = Options.Number<int>("--shrink", "Reduce each image by this factor with a box filter first.", "N", 1);
        var rate = Options.Number<double>("--lr", "The highest step size.", "X", 5e-4);
        var warmUp = Options.Number<long>("--warm-up", "Crops over which the step size rises.", "N", 4000);
        var decay = Options.Text("--decay", "How the step size falls: cosine (over the whole training) or inverse-sqrt (EDM2; the training need not know its end). [default: cosine]", "NAME");
        var decayAfter = Options.Number<long>("--decay-after", "Crops after which inverse-sqrt begins to fall.", "N", 100_000);
        var snapshots = Options.Number<long>("--snapshots", "Crops between snapshots of the weight averages, from which --average makes one of another width. [default: none]", "N");
        var average = Options.Number<double>("--average", "The relative width of the average that is exported, made of snapshots; also of a finished run with --resume. [default: 0.05]", "X");
        var optimiser = Options.Text("--optimiser", "adamw or muon (fewer images to the same loss, a sixth more time an image). [default: adamw]", "NAME");
        var start = Options.Text("--from", "Start from these weights instead of random ones: a shipped model or a weight file. What it lacks starts anew.", "MODEL");
        var dtype = Options.Text("--dtype", "The number format of activations: bf16 or f32. [default: bf16 where the processor has instructions for it]", "TYPE");
        var (seed, threads, resume) = (Options.Seed(), Options.Threads(), Options.Flag("--resume", "Continue the run in the folder, with the settings it began with."));
        var json = Options.Json();
        var command = new Command("train", "Trains a prior, or another task's model. Ctrl-C saves the state; --resume continues exactly where it stopped.")
        {
            data, output, task, set, network, list, images, batch, crop, shrink, rate, warmUp, decay, decayAfter, snapshots, average, optimiser, start, dtype, seed, threads, resume, json,
        };
        command.SetAction(parsed =>
        {
            var entry = TrainingTasks.Find(parsed.GetValue(task) ?? "prior");
            if (parsed.GetValue(list)) return List(entry, parsed.GetValue(json));
            if (parsed.GetValue(data) is not { } source) throw new TrainingException("expected --data: a folder, a .zip or a glob");
            if (parsed.GetValue(output) is not { } folder) throw new TrainingException("expected --output: the folder of the run");
            Options.Apply(parsed.GetValue(threads));
            var settings = new TrainingSettings
            {
                Images = parsed.GetValue(images) ?? 1_000_000,
                Batch = parsed.GetValue(batch) ?? 16,
                Crop = parsed.GetValue(crop) ?? 64,
                LearningRate = parsed.GetValue(rate) ?? 5e-4,
                WarmUp = parsed.GetValue(warmUp) ?? 4000,
                Snapshots = parsed.GetValue(snapshots) ?? 0,
                Decay = ParseDecay(parsed.GetValue(decay)),
                DecayAfter = parsed.GetValue(decayAfter) ?? 100_000,
                Optimiser = ParseOptimiser(parsed.GetValue(optimiser)),
                Task = entry.Name,
                TaskSettings = TaskSettings(parsed.GetValue(set) ?? [], parsed.GetValue(network)),
                Seed = parsed.GetValue(seed) ?? 0,
                // What is fast is measured: a training that is resumed keeps what was found when it began.
                Activations = parsed.GetValue(dtype) ?? (parsed.GetValue(resume) ? TrainingRun.SettingsOf(folder)?.Activations : null) ?? (FastPath.HasFastBFloat16 ? "bf16" : "f32"),
            };
            if (settings.Problems().ToArray() is { Length: > 0 } problems) throw new TrainingException(string.Join("; ", problems));
            var activations = new PriorSettings { Dtype = settings.Activations }.ParseDtype();
            try
            {
                return Train(source, folder, entry.Create(settings.TaskSettings), parsed.GetValue(shrink) ?? 1, settings, activations, parsed.GetValue(start), parsed.GetValue(resume), parsed.GetValue(average), parsed.GetValue(json));
            }
            catch
            {
                Batch.RemoveIfEmpty(folder);
                throw;
            }
        });
        return command;
    }

    private static int Train(string data, string folder, TrainingTask task, int shrink, TrainingSettings settings, DType activations, string? start, bool resume, double? average, bool json)
    {
        if (average is { } wanted)
        {
            PostHocAverage.ExponentOf(wanted);
            if (settings.Snapshots == 0) PostHocAverage.Check(TrainingRun.SnapshotsIn(folder), wanted);
        }
        if (shrink < 1) throw new TrainingException($"--shrink: expected a positive number, found {shrink}");
        var checkpoint = Path.Combine(folder, "checkpoint.safetensors");
        if (resume && !File.Exists(checkpoint)) throw new TrainingException($"there is nothing to resume: '{checkpoint}' does not exist");
        if (!resume && File.Exists(checkpoint)) throw new TrainingException($"'{folder}' holds a training already; --resume continues it");
        if (Directory.Exists(data) && FolderSearch.IsWithin(folder, data)) throw new TrainingException($"the run's folder '{folder}' lies inside the data '{data}', whose images its pictures would become");
        OutputSet.CheckWritable(folder);
        // A folder that is taken is refused before images are read.
        TrainingClaim.Take(folder).Dispose();
        using var source = ImageSource.Open(data);
        settings = settings with { Shrink = shrink, DataHash = FileHash.OfText(string.Join('\n', Enumerable.Range(0, source.Count).Select(source.Name))) };
        // What is wrong with the task is said before the images are read.
        using var objective = task.Create(new TrainingContext(source.ClassCount, settings.Crop, settings.Seed, activations));
        var (images, leftOut) = ProgressView.Run("reading images", source.Count, view => TrainingImageLoader.Load(source, settings.Crop, shrink, new Reporter<int>(done => view.Report(done)), Interrupts.Token));
        if (leftOut > 0) Terminal.Note($"{leftOut} images are smaller than a crop of {settings.Crop} and were left out");
        if (images.Count == 0) throw new TrainingException($"no image of '{data}' is as large as a crop of {settings.Crop}");
        if (start is not null)
        {
            using var scope = new Scope();
            using var weights = WeightFile.Open(ModelZoo.Find(start));
            var anew = objective.Network.LoadPart(weights.LoadAll());
            if (anew.Count > 0) Terminal.Note($"starts anew, for '{start}' lacks it: {string.Join(", ", anew.Take(3))}{(anew.Count > 3 ? $" and {anew.Count - 3} more" : "")}");
        }
        using var run = new TrainingRun(folder, objective, images, settings);
        Tell(string.Create(CultureInfo.InvariantCulture, $"{images.Count} images, {source.ClassCount} classes, {objective.Network.ParameterCount:#,0} parameters, {run.Trainer.ImagesSeen} of {settings.Images} crops seen"));
        ProgressView.Run("training", settings.Images, view =>
        {
            run.Run(new Reporter<TrainingStep>(step => view.Report(step.ImagesSeen, string.Create(CultureInfo.InvariantCulture, $"loss {step.Loss:0.0000}"))), new Reporter<TrainingLogEntry>(entry => Tell(Describe(entry, settings.Images, objective.QualityName))), Interrupts.Token);
            return true;
        });
        if (Interrupts.Token.IsCancellationRequested)
        {
            // The signal may have come after the last step looked for it.
            run.Save();
            Tell(string.Create(CultureInfo.InvariantCulture, $"saved after {run.Trainer.ImagesSeen} crops; --resume continues"));
            throw new OperationCanceledException(Interrupts.Token);
        }
        if (average is { } width) run.UseAverage(width);
        var path = Path.Combine(folder, "model.safetensors");
        var card = run.Export(path, new ModelCard
        {
            Name = Path.GetFileName(Path.TrimEndingDirectorySeparator(Path.GetFullPath(folder))),
            Data = $"{images.Count} images of {source.Origin}",
            Classes = source.Classes.Count > 0 ? source.Classes : null,
        });
        var result = new TrainingResult(
            Path.GetFullPath(path), Path.GetFullPath(Path.ChangeExtension(path, ".json")), card.Parameters, run.Trainer.ImagesSeen, objective.QualityName, card.Training!["held_out_quality"]?.GetValue<double>(),
            run.Log.Count > 0 ? run.Log[^1].Seconds : 0);
        if (json) Terminal.Json(result, ResultJson.Default.TrainingResult);
        else Terminal.Line(Terminal.OneLine($"{path}  {card.Parameters} parameters, card {Path.ChangeExtension(path, ".json")}"));
        return 0;

        // The standard output is the result's alone where a program reads it.
        void Tell(string line)
        {
            if (json) Terminal.Note(line);
            else Terminal.Line(line);
        }
    }

    private static int List(TrainingTaskEntry entry, bool json)
    {
        if (json)
        {
            Terminal.Json([.. entry.Settings], ResultJson.Default.NamedSettingArray);
            return 0;
        }
        Terminal.Line($"{entry.Name}: {entry.Description}");
        foreach (var setting in entry.Settings) Terminal.Line($"  {setting.Name}  {setting.Kind}  [default: {setting.Default}]");
        return 0;
    }

    private static SortedDictionary<string, string> TaskSettings(IEnumerable<string> texts, string? network)
    {
        var values = new SortedDictionary<string, string>(StringComparer.Ordinal);
        foreach (var text in network is null ? texts : texts.Append($"network={network}"))
        {
            var split = text.IndexOf('=', StringComparison.Ordinal);
            if (split < 1 || split == text.Length - 1) throw new TrainingException($"setting '{text}': expected NAME=VALUE, as network=tiny");
            if (!values.TryAdd(text[..split].Trim(), text[(split + 1)..].Trim())) throw new TrainingException($"setting '{text[..split].Trim()}' is given twice");
        }
        return values;
    }

    private static LearningRateDecay ParseDecay(string? name) => name switch
    {
        null or "cosine" => LearningRateDecay.Cosine,
        "inverse-sqrt" => LearningRateDecay.InverseSquareRoot,
        _ => throw new TrainingException($"--decay: expected cosine or inverse-sqrt, found '{name}'"),
    };

    private static OptimiserKind ParseOptimiser(string? name) => name switch
    {
        null or "adamw" => OptimiserKind.AdamW,
        "muon" => OptimiserKind.Muon,
        _ => throw new TrainingException($"--optimiser: expected adamw or muon, found '{name}'"),
    };

    private static string Describe(TrainingLogEntry entry, long images, string quality)
    {
        var left = TimeSpan.FromSeconds((images - entry.ImagesSeen) / Math.Max(1e-9, entry.ImagesPerSecond));
        var line = string.Create(CultureInfo.InvariantCulture, $"{entry.ImagesSeen} crops  loss {entry.Loss:0.00000}  {entry.ImagesPerSecond:0.0} images/s  {(long)left.TotalHours}:{left:mm\\:ss} left");
        if (entry.Quality is { } value) line += string.Create(CultureInfo.InvariantCulture, $"  {quality} {value:0.00}");
        return line;
    }
}
