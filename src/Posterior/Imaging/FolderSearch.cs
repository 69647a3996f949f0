using System.IO.Enumeration;

namespace Posterior.Imaging;

/// <summary>Finds files in folders.</summary>
public static class FolderSearch
{
    private static readonly EnumerationOptions _options = new() { IgnoreInaccessible = false, AttributesToSkip = FileAttributes.Hidden | FileAttributes.System };

    /// <summary>
    /// The files of a folder whose names match, without hidden ones: those are leftovers of editors and of unfinished writes. Each folder is searched once, whatever links lead to it: under its own name where it lies
    /// below the folder, else under that of the first link.
    /// </summary>
    /// <param name="folder">The folder.</param>
    /// <param name="pattern">A name with <c>*</c> and <c>?</c>.</param>
    /// <param name="recurse">Whether its subfolders are searched too.</param>
    /// <exception cref="ImageException">The folder, or one below it, cannot be read.</exception>
    public static string[] Files(string folder, string pattern, bool recurse)
    {
        try
        {
            var (files, searched, links) = (new List<string>(), new HashSet<string>(StringComparer.Ordinal), new Queue<string>([folder]));
            // Links come after all folders that are none.
            while (links.TryDequeue(out var next)) Search(next, pattern, recurse, files, searched, links);
            return [.. files];
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new ImageException($"the folder '{folder}' cannot be read: {error.Message.Split('\n')[0].TrimEnd('.', ' ')}", error);
        }
    }

    /// <summary>Whether a path is a folder or lies below it, by their names.</summary>
    public static bool IsWithin(string path, string folder)
    {
        var root = Path.TrimEndingDirectorySeparator(Path.GetFullPath(folder));
        if (!Path.EndsInDirectorySeparator(root)) root += Path.DirectorySeparatorChar;
        return (Path.TrimEndingDirectorySeparator(Path.GetFullPath(path)) + Path.DirectorySeparatorChar).StartsWith(root, StringComparison.Ordinal);
    }

    private static void Search(string folder, string pattern, bool recurse, List<string> files, HashSet<string> searched, Queue<string> links)
    {
        if (!searched.Add(RealPath.OfTarget(folder))) return;
        files.AddRange(Directory.EnumerateFiles(folder, "*", _options).Where(file => FileSystemName.MatchesSimpleExpression(pattern, Path.GetFileName(file), ignoreCase: false)));
        if (!recurse) return;
        foreach (var inner in Directory.EnumerateDirectories(folder, "*", _options).Order(StringComparer.Ordinal))
        {
            if (File.GetAttributes(inner).HasFlag(FileAttributes.ReparsePoint)) links.Enqueue(inner);
            else Search(inner, pattern, recurse, files, searched, links);
        }
    }
}
