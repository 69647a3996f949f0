using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using Posterior.Diffusion;
using Posterior.Imaging;
using Posterior.Models;
using Posterior.Torch;

namespace Posterior.Evaluation;

/// <summary>Draws images from a prior and writes them as one picture, a grid, with a receipt.</summary>
public sealed class SamplingJob
{
    // Images of one network evaluation: enough to keep small networks busy.
    private const int BatchPixels = 64 * 64 * 16;

    private readonly SamplingSettings _settings;
    private readonly string _folder;
    private readonly Sampler _sampler;
    private readonly PriorFiles _files;

    /// <summary>Checks the settings.</summary>
    /// <param name="settings">The settings.</param>
    /// <param name="folder">Where relative paths in them start.</param>
    /// <exception cref="ModelException">There is no such model, or guidance or the count make no sense.</exception>
    /// <exception cref="SamplerOptionsException">The sampler is unknown, or one of its settings is.</exception>
    public SamplingJob(SamplingSettings settings, string folder)
    {
        (_settings, _folder) = (settings, folder);
        if (settings.Count is < 1 or > 10000) throw new ModelException(string.Create(CultureInfo.InvariantCulture, $"count is {settings.Count}, expected 1 to 10000"));
        _sampler = SamplerCatalog.Create(settings.Sampler, settings.SamplerSettings);
        _files = PriorFiles.Find(settings.Prior);
    }

    /// <summary>Draws the images.</summary>
    /// <param name="output">The picture.</param>
    /// <param name="progress">Told of every step of every image.</param>
    /// <param name="cancellation">Stops between steps; nothing is written then.</param>
    /// <exception cref="ModelException">The model cannot be used as asked.</exception>
    /// <exception cref="ImageException">The picture cannot be written.</exception>
    public Receipt Run(string output, IProgress<RestorationStep>? progress = null, CancellationToken cancellation = default)
    {
        using var noGrad = new NoGrad();
        using var scope = new Scope();
        var started = DateTime.UtcNow;
        RestorationJob.CheckOutput(output, null);
        var loading = Stopwatch.GetTimestamp();
        using var prior = Prior.Load(_files.In(_settings.Prior));
        var modelSeconds = Stopwatch.GetElapsedTime(loading).TotalSeconds;
        var size = _settings.Size ?? (prior.Model.Card.NativeSize is { } side ? new ImageSize(side, side) : new ImageSize(64, 64));
        var shape = new ImageShape(prior.Channels ?? 3, size.Height, size.Width);
        WorkingMemory.Check(shape, WorkingMemory.Plain, prior.Device);
        prior.CheckSize(size.Height, size.Width);
        var counted = new CountedDenoiser(prior.For(shape.Channels));

        var clock = Stopwatch.GetTimestamp();
        var seeds = Enumerable.Range(0, _settings.Count).Select(index => ImageSeed.Of("sample", _settings.Seed, "", index)).ToArray();
        var images = new List<Tensor>();
        var batch = (int)Math.Clamp(BatchPixels / (size.Width * size.Height), 1, 64);
        foreach (var chunk in seeds.Chunk(batch))
        {
            using var inner = new Scope();
            var first = images.Count;
            var steps = progress is null ? null : new Reporter<SamplerStep>(step => progress.Report(new(first, seeds.Length, (int)(chunk.Length * (step.Index + 1L)) - 1, step.Count)));
            var drawn = _sampler.Sample(counted, chunk.Length, shape, new SeededNoise(chunk), DType.Float32, prior.Device, steps, cancellation).To(Device.Cpu);
            for (var i = 0; i < chunk.Length; i++) images.Add(inner.Keep(ValueRange.ToUnit(drawn.Narrow(0, i, 1))));
        }
        cancellation.ThrowIfCancellationRequested();
        var columns = (int)Math.Ceiling(Math.Sqrt(images.Count));
        var sheet = images.Count == 1 ? images[0] : ContactSheet.Render([.. images.Chunk(columns).Select(row => (IReadOnlyList<ContactSheet.Cell>)[.. row.Select(image => new ContactSheet.Cell(image))])]);
        var receipt = new Receipt
        {
            Kind = "sample",
            Hash = FileHash.OfText($"sample {_files.Hash()} {JsonSerializer.Serialize(_settings with { Prior = _settings.Prior.Anonymous }, ReceiptJson.Default.SamplingSettings)}"),
            Model = new(_files.Model, prior.Model.Sha256),
            Guide = _files.Guide is { } guide ? ReceiptFile.Of(guide) : null,
            Classifier = _files.Classifier is { } classifier ? ReceiptFile.Of(classifier) : null,
            Architecture = _files.Architecture is { } architecture ? ReceiptFile.Of(architecture) : null,
            Folder = _folder,
            Sampling = _settings,
            NoiseSeeds = [.. seeds.Select(seed => seed.ToString("x16", CultureInfo.InvariantCulture))],
            ImageSize = size,
            Evaluations = counted.Evaluations * _settings.Prior.Networks,
            Started = started.ToString("s", CultureInfo.InvariantCulture) + "Z",
            Seconds = Stopwatch.GetElapsedTime(clock).TotalSeconds,
            ModelSeconds = modelSeconds,
            Versions = Versions.Current,
        };
        return OutputSet.Write(Receipt.PathFor(output), set =>
        {
            set.Add(output, "samples", file => ImageFile.Save(file, sheet));
            return receipt with { Outputs = set.Files };
        });
    }
}
