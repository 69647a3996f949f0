using System.Diagnostics;
using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using Posterior.Imaging;
using Posterior.Models;
using Posterior.Torch;
using Posterior.Torch.Weights;

namespace Posterior.Training;

/// <summary>
/// A training in a folder: its settings, a log of one line a minute, its checkpoint, grids of samples. Opening the same folder again
/// continues it.
/// </summary>
public sealed class TrainingRun : IDisposable
{
    private const string SettingsName = "settings.json";
    // 64 centres of 256x256, which are judged with every checkpoint.
    private const long JudgedPixels = 64 * 256 * 256;

    private readonly string _folder;
    private readonly TrainingImages _heldOut;
    private readonly List<TrainingLogEntry> _log = [];
    private readonly TrainingClaim _claim;
    private long? _saved;
    private double? _averageExponent;

    /// <summary>Opens a run in a folder, which is created; continues it when there is a checkpoint.</summary>
    /// <param name="folder">The run's folder.</param>
    /// <param name="objective">What is taught, with its network at its starting weights; it stays the caller's.</param>
    /// <param name="images">All images; every 25th is held out for validation.</param>
    /// <param name="settings">The settings.</param>
    /// <exception cref="TrainingException">The folder holds a training with other settings, or another training is at work in it.</exception>
    public TrainingRun(string folder, TrainingObjective objective, TrainingImages images, TrainingSettings settings)
    {
        _folder = Directory.CreateDirectory(folder).FullName;
        _claim = TrainingClaim.Take(_folder);
        try
        {
            (var training, var heldOut) = images.Split(25);
            _heldOut = heldOut.Spread(JudgedPixels, 256);
            Trainer = new Trainer(objective, training, settings);
            KeepSettings(settings);
            // Half a state, of a training that was killed while it wrote.
            foreach (var left in Directory.EnumerateFiles(_folder, "checkpoint.safetensors.*.tmp").ToArray()) File.Delete(left);
            if (!File.Exists(CheckpointPath)) return;
            TrainingCheckpoint.Load(Trainer, CheckpointPath);
            _saved = Trainer.ImagesSeen;
            RestoreLog();
        }
        catch
        {
            Trainer?.Dispose();
            _claim.Dispose();
            throw;
        }
    }

    /// <summary>The settings of the run in a folder; null where there are none that can be read.</summary>
    /// <param name="folder">The run's folder.</param>
    public static TrainingSettings? SettingsOf(string folder)
    {
        try
        {
            return JsonSerializer.Deserialize(File.ReadAllText(Path.Combine(folder, SettingsName)), TrainingJson.Default.TrainingSettings);
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException or JsonException)
        {
            return null;
        }
    }

    /// <summary>The training.</summary>
    public Trainer Trainer { get; }

    /// <summary>The file of the training's state.</summary>
    public string CheckpointPath => Path.Combine(_folder, "checkpoint.safetensors");

    /// <summary>The log so far, one entry a minute.</summary>
    public IReadOnlyList<TrainingLogEntry> Log => _log;

    /// <summary>The time between checkpoints.</summary>
    public TimeSpan CheckpointEvery { get; init; } = TimeSpan.FromMinutes(5);

    /// <summary>The time between entries of the log.</summary>
    public TimeSpan LogEvery { get; init; } = TimeSpan.FromMinutes(1);

    private string LogPath => Path.Combine(_folder, "log.jsonl");

    /// <summary>Trains to the end or until cancelled; the state is saved either way.</summary>
    /// <param name="progress">Told of each step.</param>
    /// <param name="logged">Told of each entry of the log.</param>
    /// <param name="cancellation">Stops after the step in hand.</param>
    /// <exception cref="TrainingException">The state cannot be written, as on a full disk; the last one that was is left as it is.</exception>
    public void Run(IProgress<TrainingStep>? progress = null, IProgress<TrainingLogEntry>? logged = null, CancellationToken cancellation = default)
    {
        var seconds = _log.Count > 0 ? _log[^1].Seconds : 0;
        var (clock, sinceLog, sinceSave) = (Stopwatch.StartNew(), Stopwatch.StartNew(), Stopwatch.StartNew());
        var (losses, count, from) = (0.0, 0, Trainer.ImagesSeen);
        Trainer.Run(new Reporter<TrainingStep>(step =>
        {
            progress?.Report(step);
            Write(() => Snapshot(step.ImagesSeen));
            losses += step.Loss;
            count++;
            var last = step.ImagesSeen >= Trainer.Settings.Images || cancellation.IsCancellationRequested;
            var save = last || sinceSave.Elapsed >= CheckpointEvery;
            if (!save && sinceLog.Elapsed < LogEvery) return;
            // The state first: it is worth more than the quality of the network so far and a line of the log.
            if (save) Save();
            // Who interrupts a training does not wait for judgements.
            var judge = save && !cancellation.IsCancellationRequested;
            var entry = new TrainingLogEntry(
                step.ImagesSeen, losses / count, (step.ImagesSeen - from) / sinceLog.Elapsed.TotalSeconds, seconds + clock.Elapsed.TotalSeconds, judge ? HeldOutQuality() : null);
            Write(() => Append(entry));
            logged?.Report(entry);
            if (judge) Write(() => SavePictures());
            if (save) sinceSave.Restart();
            (losses, count, from) = (0, 0, step.ImagesSeen);
            sinceLog.Restart();
        }), cancellation);
    }

    /// <summary>Writes the state as it is now; the last one is replaced only when this one is complete.</summary>
    /// <exception cref="TrainingException">It cannot be written.</exception>
    public void Save()
    {
        Write(() => TrainingCheckpoint.Save(Trainer, CheckpointPath));
        _saved = Trainer.ImagesSeen;
    }

    /// <summary>The objective's quality of the averaged network on held-out images; see <see cref="TrainingObjective.QualityName"/>. Null where there are none, of fewer than 25 images.</summary>
    public double? HeldOutQuality() => _heldOut.Count == 0 ? null : Trainer.WithAverage(() => Trainer.Objective.Quality(_heldOut));

    /// <summary>Writes the averaged weights as a model, with a card that tells how they were trained.</summary>
    /// <param name="path">The weight file, <c>NAME.safetensors</c>; the card has the extension <c>.json</c>.</param>
    /// <param name="card">What the training does not know: description, architecture, data, licence, limits.</param>
    /// <returns>The card as written.</returns>
    public ModelCard Export(string path, ModelCard card)
    {
        var facts = new JsonObject
        {
            ["images_seen"] = Trainer.ImagesSeen,
            ["steps"] = Trainer.Optimiser.Steps,
            ["seconds"] = _log.Count > 0 ? Math.Round(_log[^1].Seconds) : 0,
            ["hardware"] = $"{Environment.ProcessorCount} processor cores, {TorchRuntime.Threads} threads, libtorch {TorchRuntime.Version}",
            ["quality"] = Trainer.Objective.QualityName,
            ["held_out_quality"] = HeldOutQuality() is { } quality ? Math.Round(quality, 3) : null,
            ["settings"] = JsonSerializer.SerializeToNode(Trainer.Settings with { AverageExponent = _averageExponent ?? Trainer.Settings.AverageExponent }, TrainingJson.Default.TrainingSettings),
            ["loss_curve"] = new JsonArray([.. Curve().Select(entry => (JsonNode)new JsonArray(entry.ImagesSeen, Math.Round(entry.Loss, 5)))]),
        };
        var described = Trainer.Objective.Describe(card);
        return Trainer.WithAverage(() => ModelExport.Write(path, Trainer.Network, described with { Training = facts, NativeSize = described.NativeSize ?? Trainer.Settings.Crop }));
    }

    /// <summary>Makes the average that is exported one of another width, from the snapshots of the run.</summary>
    /// <param name="width">The relative width.</param>
    /// <exception cref="TrainingException">There are no snapshots, or the width is out of range.</exception>
    public void UseAverage(double width)
    {
        Trainer.WithAverage(() =>
        {
            PostHocAverage.Load(SnapshotsIn(_folder), Trainer.Network, width);
            return true;
        });
        _averageExponent = PostHocAverage.ExponentOf(width);
    }

    /// <summary>Where a run in a folder keeps its snapshots; the folder need not exist.</summary>
    /// <param name="folder">The run's folder.</param>
    public static string SnapshotsIn(string folder) => Path.Combine(folder, "snapshots");

    private void Snapshot(long seen)
    {
        var every = Trainer.Settings.Snapshots;
        if (every == 0 || (seen / every == (seen - Trainer.Settings.Batch) / every && seen < Trainer.Settings.Images)) return;
        PostHocAverage.Save(SnapshotsIn(_folder), Trainer.Average, Trainer.Optimiser.Steps);
        PostHocAverage.Save(SnapshotsIn(_folder), Trainer.WideAverage!, Trainer.Optimiser.Steps);
    }

    // About fifty points are enough to see the course of the training.
    private IEnumerable<TrainingLogEntry> Curve() => _log.Where((_, i) => i % Math.Max(1, _log.Count / 50) == 0);

    /// <summary>Frees the training's state, and the folder for others.</summary>
    public void Dispose()
    {
        Trainer.Dispose();
        _claim.Dispose();
    }

    private void SavePictures() => Trainer.WithAverage(() =>
    {
        using var scope = new Scope();
        if (_heldOut.Count == 0 || Trainer.Objective.Pictures(_heldOut, Trainer.Settings.Crop) is not { } pictures) return false;
        var side = (long)Math.Sqrt(pictures.Size(0));
        var (channels, height, width) = (pictures.Size(1), pictures.Size(2), pictures.Size(3));
        var grid = ValueRange.ToUnit(pictures.Narrow(0, 0, side * side)).Clamp(0, 1).Reshape(side, side, channels, height, width).Permute(2, 0, 3, 1, 4).Reshape(1, channels, side * height, side * width);
        ImageFile.Save(Path.Combine(_folder, "samples.png"), grid);
        return true;
    });

    private void Append(TrainingLogEntry entry)
    {
        _log.Add(entry);
        File.AppendAllText(LogPath, JsonSerializer.Serialize(entry, TrainingJson.Default.TrainingLogEntry) + "\n");
    }

    // What a full disk leaves is said with what went wrong.
    private void Write(Action write)
    {
        try
        {
            write();
        }
        catch (Exception failure) when (failure is WeightFileException or ImageException or IOException or UnauthorizedAccessException)
        {
            throw new TrainingException(failure.Message + (_saved is { } images ? string.Create(CultureInfo.InvariantCulture, $"; the checkpoint after {images} crops is intact, --resume continues from it") : "; there is no checkpoint yet"));
        }
    }

    // A training that was killed may have logged steps behind its checkpoint, which are now taken again, and the last line may have been cut off.
    private void RestoreLog()
    {
        if (!File.Exists(LogPath)) return;
        var lines = File.ReadAllLines(LogPath);
        foreach (var line in lines)
        {
            TrainingLogEntry? entry;
            try
            {
                entry = JsonSerializer.Deserialize(line, TrainingJson.Default.TrainingLogEntry);
            }
            catch (JsonException)
            {
                break;
            }
            if (entry is null || entry.ImagesSeen > Trainer.ImagesSeen) break;
            _log.Add(entry);
        }
        if (_log.Count == lines.Length) return;
        var temporary = LogPath + ".tmp";
        File.WriteAllLines(temporary, lines.Take(_log.Count));
        File.Move(temporary, LogPath, overwrite: true);
    }

    private void KeepSettings(TrainingSettings settings)
    {
        var path = Path.Combine(_folder, SettingsName);
        var text = JsonSerializer.Serialize(settings, TrainingJson.Default.TrainingSettings);
        if (!File.Exists(CheckpointPath) && (File.Exists(LogPath) || Directory.Exists(SnapshotsIn(_folder))))
            throw new TrainingException($"'{_folder}' holds the log or the snapshots of a training whose state is gone, which would be mixed with this one's; remove them, or choose another folder");
        if (File.Exists(path) && File.Exists(CheckpointPath) && File.ReadAllText(path) != text)
            throw new TrainingException($"'{_folder}' holds a training with other settings or data; expected those of its settings.json");
        if (!File.Exists(path) || File.ReadAllText(path) != text) AtomicFile.Write(path, stream => stream.Write(Encoding.UTF8.GetBytes(text)));
    }
}

/// <summary>One line of a training's log.</summary>
/// <param name="ImagesSeen">Crops seen so far.</param>
/// <param name="Loss">The mean loss since the last entry.</param>
/// <param name="ImagesPerSecond">Crops a second since the last entry.</param>
/// <param name="Seconds">The time of the training so far.</param>
/// <param name="Quality">See <see cref="TrainingRun.HeldOutQuality"/>; null between checkpoints.</param>
public sealed record TrainingLogEntry(long ImagesSeen, double Loss, double ImagesPerSecond, double Seconds, double? Quality);

/// <summary>A training cannot start or continue.</summary>
/// <param name="message">Why.</param>
public sealed class TrainingException(string message) : Exception(message);

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, RespectNullableAnnotations = true, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(TrainingSettings))]
[JsonSerializable(typeof(TrainingLogEntry))]
internal sealed partial class TrainingJson : JsonSerializerContext;
