using Posterior.Imaging;
using Posterior.Torch;

namespace Posterior.Evaluation.Experiments.Report;

/// <summary>The pictures of a report: what lies in the experiment's folder, and what follows of it. They are listed first and encoded afterwards, in a quality that lets all of them fit.</summary>
/// <param name="folder">The experiment's folder.</param>
/// <param name="budget">The bytes of all pictures together. The default, a third more as text, opens at once.</param>
internal sealed class ReportPictures(string folder, double budget = 20e6)
{
    /// <summary>How much brighter differences are shown.</summary>
    public const int DifferenceScale = 4;

    /// <summary>How much brighter standard deviations are shown.</summary>
    public const int DeviationScale = 4;

    // Small pictures are kept exactly: they are shown enlarged.
    private const long Small = 64;
    private const int Trials = 24;

    private static readonly (int Quality, int Reduction)[] _steps = [(90, 1), (80, 1), (65, 1), (50, 1), (75, 2), (50, 2), (60, 4), (50, 8)];

    private readonly ExperimentPictures _files = new(folder);
    private readonly List<Func<Tensor>> _sources = [];
    private readonly Dictionary<string, ReportPicture> _known = new(StringComparer.Ordinal);

    /// <summary>The number of pictures.</summary>
    public int Count => _sources.Count;

    /// <summary>The rows of an experiment's pictures.</summary>
    /// <param name="description">The experiment.</param>
    /// <param name="rows">Its finished rows.</param>
    public IReadOnlyList<ReportRow> Rows(ExperimentFolder description, IReadOnlyList<ResultRow> rows)
    {
        var seed = description.Experiment.Seeds[0];
        var restorations = rows.Where(row => row.Seed == seed && _files.Has(row.Key)).ToLookup(row => (row.Task, row.Image));
        return [.. description.Pictures.Select(names =>
        {
            var methods = restorations[(names.Task, names.Image)].GroupBy(row => row.Method).Select(of => Restoration(names, of.Key, [.. of.OrderBy(row => row.Sample).Select(row => row.Key)])).ToArray();
            return new ReportRow(names.Image, names.Task, File(names.Original), File(names.Measurement), methods);
        }).Where(row => row.Methods.Count > 0)];
    }

    /// <summary>All pictures as data URIs, in the order of their numbers.</summary>
    /// <param name="progress">Told of the share that is done.</param>
    /// <exception cref="ImageException">A picture cannot be read.</exception>
    public IEnumerable<string> Encode(IProgress<double>? progress = null)
    {
        var (quality, reduction) = Step();
        for (var i = 0; i < _sources.Count; i++)
        {
            var (bytes, type) = Encode(_sources[i], quality, reduction);
            progress?.Report((i + 1.0) / _sources.Count);
            yield return $"data:image/{type};base64,{Convert.ToBase64String(bytes)}";
        }
    }

    // The first step at which pictures spread over the list fit, if they are like the others.
    private (int Quality, int Reduction) Step()
    {
        var tried = Enumerable.Range(0, Math.Min(Trials, Count)).Select(i => (int)((long)i * Count / Math.Min(Trials, Count))).ToArray();
        foreach (var step in _steps)
            if (tried.Length == 0 || tried.Average(i => Encode(_sources[i], step.Quality, step.Reduction).Bytes.Length) * Count <= budget) return step;
        return _steps[^1];
    }

    private static (byte[] Bytes, string Type) Encode(Func<Tensor> source, int quality, int reduction)
    {
        using var scope = new Scope();
        using var noGrad = new NoGrad();
        var image = source();
        var (height, width) = (image.Size(2), image.Size(3));
        var exact = Math.Max(height, width) <= Small;
        if (!exact && reduction > 1 && Math.Min(height, width) >= reduction) image = image.AveragePool(reduction, reduction);
        var pixels = (image.Squeeze(0).Permute(1, 2, 0) * 255).Round().Clamp(0, 255).To(DType.UInt8).Contiguous();
        using var stored = new MemoryStream();
        ImageCodec.Encode(pixels, exact ? ImageFormat.Png : ImageFormat.WebP, exact ? 0 : quality, bytes => stored.Write(bytes));
        return (stored.ToArray(), exact ? "png" : "webp");
    }

    private ReportRestoration Restoration(PictureName names, string method, string[] keys)
    {
        var restored = File(keys[0]);
        var comparable = restored is not null && File(names.Original) is { } original && (original.Width, original.Height) == (restored.Width, restored.Height);
        return new(
            method,
            restored,
            comparable ? Derived(restored!, () => (Load(keys[0]) - Load(names.Original)).Abs() * DifferenceScale) : null,
            restored is not null && keys.Length > 1 ? Derived(restored, () => Tensor.Cat([.. keys.Select(Load)], 0).Variance([0], keepDimensions: true).Sqrt().Mean([1], keepDimensions: true) * DeviationScale) : null);
    }

    private ReportPicture? File(string name)
    {
        if (_known.TryGetValue(name, out var known)) return known;
        if (!_files.Has(name)) return null;
        using var scope = new Scope();
        var image = Load(name);
        return _known[name] = Add(() => Load(name), image.Size(3), image.Size(2));
    }

    private ReportPicture Derived(ReportPicture like, Func<Tensor> source) => Add(source, like.Width, like.Height);

    private ReportPicture Add(Func<Tensor> source, long width, long height)
    {
        _sources.Add(source);
        return new(_sources.Count - 1, width, height);
    }

    private Tensor Load(string name) => ImageFile.Load(_files.PathOf(name), out _);
}
