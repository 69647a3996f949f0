using Posterior.Imaging;
using Posterior.Torch;

namespace Posterior.Evaluation.Experiments;

/// <summary>The images of an experiment: chosen, reduced and cut as its dataset says.</summary>
public sealed class ExperimentImages : IDisposable
{
    private readonly ExperimentDataset _dataset;
    private readonly ImageSource _source;
    private readonly int[] _chosen;

    // A plan, a run and its description all ask.
    private readonly string?[] _contents;

    /// <summary>Opens the set.</summary>
    /// <exception cref="ImageException">There is no such set, or no image in it.</exception>
    public ExperimentImages(ExperimentDataset dataset)
    {
        (_dataset, _source) = (dataset, ImageSource.Open(dataset.Path));
        var count = Math.Min(dataset.Images ?? _source.Count, _source.Count);
        _chosen = [.. Enumerable.Range(0, count).Select(i => (int)((long)i * _source.Count / count))];
        _contents = new string?[count];
    }

    /// <summary>The number of images.</summary>
    public int Count => _chosen.Length;

    /// <summary>An image's name in its set.</summary>
    public string Name(int index) => _source.Name(_chosen[index]);

    /// <summary>Whether every image has a class.</summary>
    public bool HasLabels => _source.HasLabels;

    /// <summary>The number of classes; 0 for a set without labels.</summary>
    public int ClassCount => _source.ClassCount;

    /// <summary>The class of an image; null where there is none.</summary>
    public int? Label(int index) => _source.HasLabels ? _source.Label(_chosen[index]) : null;

    /// <summary>The SHA-256 of an image's file.</summary>
    /// <exception cref="ImageException">The file cannot be read.</exception>
    public string Content(int index) => _contents[index] ??= FileHash.OfBytes(_source.Read(_chosen[index]));

    /// <summary>An image.</summary>
    /// <returns><c>[1, C, H, W]</c> in [0, 1], and the SHA-256 of its file.</returns>
    /// <exception cref="ImageException">The file is damaged, or smaller than what is to be cut out.</exception>
    public (Tensor Image, string Content) Load(int index)
    {
        using var scope = new Scope();
        var bytes = _source.Read(_chosen[index]);
        var image = Crop.Reduced(ImageFile.Decode(bytes, Name(index), out _), Name(index), _dataset.Shrink, _dataset.Size is { } side ? (side, side) : null);
        if (_dataset.Size is { } size) image = Crop.Centre(image, size, size);
        return (scope.Keep(image), _contents[index] = FileHash.OfBytes(bytes));
    }

    /// <inheritdoc/>
    public void Dispose() => _source.Dispose();
}
