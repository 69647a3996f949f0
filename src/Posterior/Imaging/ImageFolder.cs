namespace Posterior.Imaging;

/// <summary>Images that are files of a folder, with the labels of its <c>dataset.json</c> if there is one.</summary>
public sealed class ImageFolder : ImageSource
{
    private readonly string[] _files;

    internal ImageFolder(string origin, string root, string[] files, ImageLabels? labels)
        : base(origin, [.. files.Select(file => root.Length == 0 ? Path.GetFileName(file) : Path.GetRelativePath(root, file).Replace('\\', '/'))], labels) => _files = files;

    /// <summary>The path of an image's file.</summary>
    public string FilePath(int index) => _files[index];

    /// <inheritdoc/>
    public override byte[] Read(int index) => ImageFile.ReadBytes(_files[index]);

    /// <inheritdoc/>
    protected override string Title(int index) => _files[index];

    internal static ImageFolder OfFolder(string folder)
    {
        var labels = Path.Combine(folder, ImageLabels.FileName);
        return new(folder, folder, Find(folder, "*", recurse: true), File.Exists(labels) ? ImageLabels.Parse(ImageFile.ReadBytes(labels), labels) : null);
    }

    internal static ImageFolder OfGlob(string glob)
    {
        var folder = Path.GetDirectoryName(glob) is { Length: > 0 } named ? named : ".";
        if (!Directory.Exists(folder)) throw new ImageException($"the folder '{folder}' of '{glob}' does not exist");
        return new(glob, folder, Find(folder, Path.GetFileName(glob), recurse: false), null);
    }

    private static string[] Find(string folder, string pattern, bool recurse) =>
        [.. FolderSearch.Files(folder, pattern, recurse).Where(ImageFile.HasImageExtension).Order(StringComparer.Ordinal)];
}
