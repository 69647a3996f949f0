using System.Globalization;
using System.IO.Compression;
using Posterior.Torch;

namespace Posterior.Imaging;

/// <summary>
/// Images that are entries of a zip archive, with the labels of its <c>dataset.json</c> if there is one (the layout of NVIDIA's EDM tools).
/// Nothing is unpacked to disk. Entries whose names leave the archive, and entries that unpack to more than they declare or than an image
/// file may be, are refused.
/// </summary>
public sealed class ImageArchive : ImageSource
{
    /// <summary>The most bytes of one unpacked entry.</summary>
    public const long MostEntryBytes = 1L << 28;

    /// <summary>No deflate stream is longer than 1032 times its compressed size; images do not shrink by half of that.</summary>
    private const int MostRatio = 500;

    private readonly ZipArchive _archive;
    private readonly ZipArchiveEntry[] _entries;

    private ImageArchive(string path, ZipArchive archive, ZipArchiveEntry[] entries)
        : base(path, [.. entries.Select(entry => entry.FullName.Replace('\\', '/'))], Labels(path, archive)) => (_archive, _entries) = (archive, entries);

    /// <summary>Opens an archive.</summary>
    /// <exception cref="ImageException">The archive is missing, damaged, hostile or without images.</exception>
    public static ImageArchive OpenFile(string path)
    {
        var archive = OpenArchive(path);
        try
        {
            return new(path, archive, Images(path, archive));
        }
        catch (Exception error)
        {
            archive.Dispose();
            if (error is InvalidDataException) throw new ImageException($"the archive '{path}' is damaged: {error.Message.Split('\n')[0].TrimEnd('.', ' ')}", error);
            throw;
        }
    }

    /// <inheritdoc/>
    public override byte[] Read(int index)
    {
        // The archive is one stream.
        lock (_archive) return Unpack(_entries[index], Origin);
    }

    /// <inheritdoc/>
    public override void Dispose()
    {
        _archive.Dispose();
        base.Dispose();
    }

    private static ZipArchive OpenArchive(string path)
    {
        try
        {
            if (SpecialFile.MayBe(path)) throw new ImageException($"the archive '{path}' is empty or not a regular file");
            return ZipFile.OpenRead(path);
        }
        catch (Exception error) when (error is FileNotFoundException or DirectoryNotFoundException)
        {
            throw new ImageException($"the archive '{path}' does not exist", error);
        }
        catch (Exception error) when (error is InvalidDataException or IOException or UnauthorizedAccessException)
        {
            throw new ImageException($"'{path}' is not a zip archive that can be read: {error.Message.Split('\n')[0].TrimEnd('.', ' ')}", error);
        }
    }

    private static ZipArchiveEntry[] Images(string path, ZipArchive archive)
    {
        var entries = archive.Entries.Where(entry => ImageFile.HasImageExtension(entry.FullName) && !IsHidden(entry.FullName)).ToArray();
        var names = new HashSet<string>(StringComparer.Ordinal);
        foreach (var entry in entries)
        {
            var name = entry.FullName.Replace('\\', '/');
            // Names become output names: they must stay below the folder in which those are written.
            if (name.StartsWith('/') || name.Contains(':') || name.Contains('\0') || name.Split('/').Contains("..")) throw new ImageException($"the archive '{path}' holds an entry whose name leaves it: '{entry.FullName}'");
            if (!names.Add(name)) throw new ImageException($"the archive '{path}' holds two entries named '{name}'");
        }
        Array.Sort(entries, (a, b) => string.CompareOrdinal(a.FullName, b.FullName));
        return entries;
    }

    // As in folders, and what a Mac adds: files of the names of images that are none.
    private static bool IsHidden(string name) => name.Split('/', '\\').Any(part => part == "__MACOSX" || part.Length > 1 && part[0] == '.' && part != "..");

    private static ImageLabels? Labels(string path, ZipArchive archive) =>
        archive.GetEntry(ImageLabels.FileName) is { } entry ? ImageLabels.Parse(Unpack(entry, path), $"{path}/{ImageLabels.FileName}") : null;

    private static byte[] Unpack(ZipArchiveEntry entry, string path)
    {
        var (length, packed) = (entry.Length, entry.CompressedLength);
        if (length > MostEntryBytes || length > Math.Max(packed, 1 << 12) * MostRatio)
            throw new ImageException(string.Create(CultureInfo.InvariantCulture, $"the entry '{entry.FullName}' of '{path}' would unpack from {packed} to {length} bytes, which no image file does"));
        try
        {
            using var stream = entry.Open();
            var data = new byte[length];
            stream.ReadExactly(data);
            if (stream.ReadByte() >= 0) throw new ImageException($"the entry '{entry.FullName}' of '{path}' unpacks to more than the {length} bytes that it declares");
            return data;
        }
        catch (Exception error) when (error is InvalidDataException or IOException)
        {
            throw new ImageException($"the entry '{entry.FullName}' of '{path}' is damaged or truncated", error);
        }
    }
}
