using System.CommandLine;
using System.Globalization;
using Posterior.Diffusion;
using Posterior.Evaluation;
using Posterior.Imaging;
using Posterior.Models;
using Posterior.Networks;
using Posterior.Torch;
using Posterior.Torch.Weights;
using Posterior.Training;

namespace Posterior.Cli.Commands;

/// <summary><c>posterior train</c>: trains a prior.</summary>
internal static class TrainCommand
{
    public static Command Create()
    {
        var data = Options.RequiredText("--data", "Images: a folder (recursively), a .zip (also with EDM's dataset.json), or a glob.", "DATA");
        var output = Options.RequiredText("--output", "The folder of the run: settings, log, checkpoint, samples, at the end the model and its card.", "RUN", "--out", "-o");
        var network = Options.Text("--network", $"{string.Join("; ", TrainingNetworks.All.Select(entry => $"{entry.Name}: {entry.Description}"))}. [default: photo-unet]", "NAME");
        var images = Options.Number<long>("--images", "Crops to see in all.", "N", 1_000_000);
        var (batch, crop) = (Options.Number<int>("--batch", "Crops in a step.", "N", 16), Options.Number<int>("--crop", "Height and width of a crop.", "N", 64));
        var shrink = Options.Number<int>("--shrink", "Reduce each image by this factor with a box filter first.", "N", 1);
        var rate = Options.Number<double>("--lr", "The highest step size.", "X", 5e-4);
        var warmUp = Options.Number<long>("--warm-up", "Crops over which the step size rises.", "N", 4000);
        var dropout = Options.Number<double>("--label-dropout", "The share of images whose class is withheld.", "X", 0.1);
        var noise = Options.Number<double>("--log-sigma", "The mean of ln(sigma) of the noise levels.", "X", -1.2);
        var uniform = Options.Number<double>("--uniform-share", "The share of noise levels that are log-uniform up to sigma 160 instead of log-normal.", "X", 0.25);
        var optimiser = Options.Text("--optimiser", "adamw or muon (fewer images to the same loss, a sixth more time an image). [default: adamw]", "NAME");
        var start = Options.Text("--from", "Start from these weights instead of random ones: a shipped model or a weight file.", "MODEL");
        var dtype = Options.Text("--dtype", "The number format of activations: bf16 (faster) or f32. [default: bf16]", "TYPE");
        var (seed, threads, resume) = (Options.Seed(), Options.Threads(), Options.Flag("--resume", "Continue the run in the folder, with the settings it began with."));
        var command = new Command("train", "Trains a prior with the EDM loss. Ctrl-C saves the state; --resume continues exactly where it stopped.")
        {
            data, output, network, images, batch, crop, shrink, rate, warmUp, dropout, noise, uniform, optimiser, start, dtype, seed, threads, resume,
        };
        command.SetAction(parsed =>
        {
            Options.Apply(parsed.GetValue(threads));
            var settings = new TrainingSettings
            {
                Images = parsed.GetValue(images) ?? 1_000_000,
                Batch = parsed.GetValue(batch) ?? 16,
                Crop = parsed.GetValue(crop) ?? 64,
                LearningRate = parsed.GetValue(rate) ?? 5e-4,
                WarmUp = parsed.GetValue(warmUp) ?? 4000,
                LabelDropout = parsed.GetValue(dropout) ?? 0.1,
                Noise = new NoiseLevels { LogMean = parsed.GetValue(noise) ?? -1.2, UniformShare = parsed.GetValue(uniform) ?? 0.25 },
                Optimiser = ParseOptimiser(parsed.GetValue(optimiser)),
                Seed = parsed.GetValue(seed) ?? 0,
            };
            if (settings.Problems().ToArray() is { Length: > 0 } problems) throw new TrainingException(string.Join("; ", problems));
            var activations = new PriorSettings { Dtype = parsed.GetValue(dtype) ?? "bf16" }.ParseDtype();
            return Train(parsed.GetRequiredValue(data), parsed.GetRequiredValue(output), parsed.GetValue(network) ?? "photo-unet", parsed.GetValue(shrink) ?? 1, settings, activations, parsed.GetValue(start), parsed.GetValue(resume));
        });
        return command;
    }

    private static int Train(string data, string folder, string name, int shrink, TrainingSettings settings, DType activations, string? start, bool resume)
    {
        TrainingNetworks.Find(name, 0);
        if (shrink < 1) throw new TrainingException($"--shrink: expected a positive number, found {shrink}");
        var checkpoint = Path.Combine(folder, "checkpoint.safetensors");
        if (resume && !File.Exists(checkpoint)) throw new TrainingException($"there is nothing to resume: '{checkpoint}' does not exist");
        if (!resume && File.Exists(checkpoint)) throw new TrainingException($"'{folder}' holds a training already; --resume continues it");
        OutputSet.CheckWritable(folder);
        using var source = ImageSource.Open(data);
        var (images, leftOut) = ProgressView.Run("reading images", source.Count, view => TrainingImageLoader.Load(source, settings.Crop, shrink, new Reporter<int>(done => view.Report(done)), Interrupts.Token));
        if (leftOut > 0) Terminal.Note($"{leftOut} images are smaller than a crop of {settings.Crop} and were left out");
        if (images.Count == 0) throw new TrainingException($"no image of '{data}' is as large as a crop of {settings.Crop}");
        using var network = new PhotoUNet(TrainingNetworks.Find(name, source.ClassCount));
        network.Initialise(new SeededNoise(settings.Seed));
        if (start is not null)
        {
            using var scope = new Scope();
            using var weights = WeightFile.Open(ModelZoo.Find(start));
            network.LoadState(weights.LoadAll());
        }
        network.ActivationType = activations;
        using var run = new TrainingRun<PhotoUNet>(folder, network, images, settings, new EdmPreconditioning());
        Terminal.Line(string.Create(CultureInfo.InvariantCulture, $"{images.Count} images, {source.ClassCount} classes, {network.ParameterCount:#,0} parameters, {run.Trainer.ImagesSeen} of {settings.Images} crops seen"));
        ProgressView.Run("training", settings.Images, view =>
        {
            run.Run(new Reporter<TrainingStep>(step => view.Report(step.ImagesSeen, string.Create(CultureInfo.InvariantCulture, $"loss {step.Loss:0.0000}"))), new Reporter<TrainingLogEntry>(entry => Report(entry, settings.Images)), Interrupts.Token);
            return true;
        });
        if (Interrupts.Token.IsCancellationRequested)
        {
            // The signal may have come after the last step looked for it.
            TrainingCheckpoint.Save(run.Trainer, run.CheckpointPath);
            Terminal.Line(string.Create(CultureInfo.InvariantCulture, $"saved after {run.Trainer.ImagesSeen} crops; --resume continues"));
            throw new OperationCanceledException(Interrupts.Token);
        }
        var path = Path.Combine(folder, "model.safetensors");
        var card = run.Export(path, new ModelCard
        {
            Name = Path.GetFileName(Path.TrimEndingDirectorySeparator(Path.GetFullPath(folder))),
            Network = "photo-unet",
            Data = $"{images.Count} images of {source.Origin}",
            Classes = source.Classes.Count > 0 ? source.Classes : null,
        });
        Terminal.Line($"{path}  {card.Parameters} parameters, card {Path.ChangeExtension(path, ".json")}");
        return 0;
    }

    private static OptimiserKind ParseOptimiser(string? name) => name switch
    {
        null or "adamw" => OptimiserKind.AdamW,
        "muon" => OptimiserKind.Muon,
        _ => throw new TrainingException($"--optimiser: expected adamw or muon, found '{name}'"),
    };

    private static void Report(TrainingLogEntry entry, long images)
    {
        var left = TimeSpan.FromSeconds((images - entry.ImagesSeen) / Math.Max(1e-9, entry.ImagesPerSecond));
        var line = string.Create(CultureInfo.InvariantCulture, $"{entry.ImagesSeen} crops  loss {entry.Loss:0.00000}  {entry.ImagesPerSecond:0.0} images/s  {(long)left.TotalHours}:{left:mm\\:ss} left");
        if (entry.Psnr is { } psnr) line += string.Create(CultureInfo.InvariantCulture, $"  held-out denoising (sigma 25/255) {psnr:0.00} dB");
        Terminal.Line(line);
    }
}
