using System.Globalization;
using Posterior.Torch;
using Posterior.Torch.Weights;

namespace Posterior.Training;

/// <summary>The whole state of a training in one safetensors file: weights, average, moments, crops seen, where the loss began.</summary>
public static class TrainingCheckpoint
{
    private const string Weights = "weights.", Average = "average.", Wide = "wide-average.", Moments = "optimiser.", FirstLosses = "first_losses";

    /// <summary>Writes the state; an older file of that name is replaced only when the new one is complete.</summary>
    /// <exception cref="WeightFileException">The file cannot be written.</exception>
    public static void Save(Trainer trainer, string path)
    {
        var header = new Dictionary<string, string>
        {
            ["images_seen"] = trainer.ImagesSeen.ToString(CultureInfo.InvariantCulture),
            ["steps"] = trainer.Optimiser.Steps.ToString(CultureInfo.InvariantCulture),
        };
        if (trainer.Watch.Beginning is { } losses) header[FirstLosses] = losses.ToString("R", CultureInfo.InvariantCulture);
        SafetensorsWriter.Write(path, Groups(trainer), header);
    }

    /// <summary>Continues a training from its saved state.</summary>
    /// <exception cref="WeightFileException">The file is damaged, or is not the state of such a training.</exception>
    public static void Load(Trainer trainer, string path)
    {
        using var file = WeightFile.Open(path);
        using var noGrad = new NoGrad();
        foreach (var (name, tensor) in Groups(trainer))
        {
            using var scope = new Scope();
            var saved = file.Load(name);
            if (!saved.Shape.SequenceEqual(tensor.Shape)) throw new WeightFileException(path, $"expected {tensor} as '{name}', found {saved}");
            tensor.CopyFrom(saved);
        }
        trainer.ImagesSeen = Number("images_seen");
        trainer.Optimiser.Steps = Number("steps");
        // States of the first steps do not have it, nor those of earlier versions.
        if (!file.Metadata.TryGetValue(FirstLosses, out var losses)) return;
        if (!double.TryParse(losses, NumberStyles.Float, CultureInfo.InvariantCulture, out var beginning) || !(beginning >= 0)) throw new WeightFileException(path, $"expected a number as '{FirstLosses}' in its header, found '{losses}'");
        trainer.Watch.Resume(beginning);

        long Number(string key) => file.Metadata.TryGetValue(key, out var text) && long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number)
            ? number
            : throw new WeightFileException(path, $"expected the state of a training, found no number '{key}' in its header");
    }

    private static IEnumerable<(string Name, Tensor Tensor)> Groups(Trainer trainer) =>
        trainer.Trained.Select(p => (Weights + p.Name, p.Tensor))
            .Concat(trainer.Average.State.Select(p => (Average + p.Name, p.Tensor)))
            .Concat((trainer.WideAverage?.State ?? []).Select(p => (Wide + p.Name, p.Tensor)))
            .Concat(trainer.Optimiser.State.Select(p => (Moments + p.Name, p.Tensor)));
}
