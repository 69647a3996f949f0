using Posterior.Torch;

namespace Posterior.Imaging;

/// <summary>
/// A set of images in a fixed order (ordinal, by name), with class labels where there are any: a folder, a glob, an archive or one file.
/// Loading is safe from several threads at once.
/// </summary>
public abstract class ImageSource : IDisposable
{
    private readonly string[] _names;
    private readonly int[]? _labels;

    /// <summary>A set of named images.</summary>
    /// <param name="origin">What messages call the set.</param>
    /// <param name="names">The names in order.</param>
    /// <param name="labels">The labels that came with the images; null for none.</param>
    /// <exception cref="ImageException">There are no images, or an image lacks its label.</exception>
    private protected ImageSource(string origin, string[] names, ImageLabels? labels)
    {
        if (names.Length == 0) throw new ImageException($"there are no images in '{origin}' (looked for {string.Join(", ", ImageFile.Extensions)})");
        (Origin, _names) = (origin, names);
        _labels = labels?.For(names, origin);
        Classes = labels?.Classes ?? [];
        ClassCount = _labels is null ? 0 : Math.Max(Classes.Count, _labels.Max() + 1);
    }

    /// <summary>Where the images come from, as given.</summary>
    public string Origin { get; }

    /// <summary>The number of images.</summary>
    public int Count => _names.Length;

    /// <summary>The names of the classes, by index; empty when the set does not name them.</summary>
    public IReadOnlyList<string> Classes { get; }

    /// <summary>The number of classes; 0 for a set without labels.</summary>
    public int ClassCount { get; }

    /// <summary>Whether every image has a class.</summary>
    public bool HasLabels => _labels is not null;

    /// <summary>Opens a folder (searched recursively), a <c>.zip</c> archive, a glob of names in a folder (<c>in/*.png</c>), or one image file.</summary>
    /// <exception cref="ImageException">There is nothing of that name, no image in it, or it is damaged.</exception>
    public static ImageSource Open(string path)
    {
        if (Directory.Exists(path)) return ImageFolder.OfFolder(path);
        if (File.Exists(path)) return Path.GetExtension(path).Equals(".zip", StringComparison.OrdinalIgnoreCase) ? ImageArchive.OpenFile(path) : new ImageFolder(path, "", [path], null);
        if (Path.GetFileName(path).AsSpan().ContainsAny('*', '?')) return ImageFolder.OfGlob(path);
        throw new ImageException($"'{path}' does not exist{Nearest(path)} (expected a folder, a .zip archive, a glob or an image)");
    }

    // What lies beside the place where nothing was found.
    private static string Nearest(string path)
    {
        var folder = Path.GetDirectoryName(Path.GetFullPath(path));
        if (!Directory.Exists(folder)) return "";
        return Spelling.Suggest(Path.GetFileName(path), Directory.EnumerateFileSystemEntries(folder).Select(entry => Path.GetFileName(entry)).Where(name => name[0] != '.').Take(10_000));
    }

    /// <summary>The name of an image: its path relative to the folder, or the archive's entry, with forward slashes.</summary>
    public string Name(int index) => _names[index];

    /// <summary>The class of an image; -1 in a set without labels.</summary>
    public int Label(int index) => _labels?[index] ?? -1;

    /// <summary>The bytes of an image's file.</summary>
    /// <exception cref="ImageException">The file has gone or is damaged.</exception>
    public abstract byte[] Read(int index);

    /// <summary>Loads an image as 8-bit samples.</summary>
    /// <returns><c>[C, H, W]</c>, UInt8, with the file's own number of channels, 1 or 3.</returns>
    /// <exception cref="ImageException">The file is damaged or no image.</exception>
    public Tensor Load(int index) => ImageFile.DecodeBytes(Read(index), Title(index));

    /// <summary>Loads an image in full depth.</summary>
    /// <returns><c>[1, C, H, W]</c>, Float32, in [0, 1].</returns>
    /// <exception cref="ImageException">The file is damaged or no image.</exception>
    public Tensor LoadUnit(int index) => ImageFile.Decode(Read(index), Title(index), out _);

    /// <inheritdoc/>
    public virtual void Dispose() => GC.SuppressFinalize(this);

    /// <summary>What messages call an image.</summary>
    protected virtual string Title(int index) => $"{Origin}/{_names[index]}";
}
