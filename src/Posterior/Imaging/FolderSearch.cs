using System.IO.Enumeration;

namespace Posterior.Imaging;

/// <summary>Finds files in folders.</summary>
public static class FolderSearch
{
    /// <summary>
    /// The files of a folder whose names match, without hidden ones: those are leftovers of editors and of unfinished writes. A link to a folder is followed once, and only where it leads out of the folder that is
    /// searched: others could lead in circles, and hold nothing that is not found without them.
    /// </summary>
    /// <param name="folder">The folder.</param>
    /// <param name="pattern">A name with <c>*</c> and <c>?</c>.</param>
    /// <param name="recurse">Whether its subfolders are searched too.</param>
    /// <exception cref="ImageException">The folder, or one below it, cannot be read.</exception>
    public static string[] Files(string folder, string pattern, bool recurse)
    {
        var followed = new List<string> { Real(Path.GetFullPath(folder)) };
        var options = new EnumerationOptions { RecurseSubdirectories = recurse, IgnoreInaccessible = false, AttributesToSkip = FileAttributes.Hidden | FileAttributes.System };
        try
        {
            return
            [
                .. new FileSystemEnumerable<string>(folder, (ref FileSystemEntry entry) => entry.ToSpecifiedFullPath(), options)
                {
                    ShouldIncludePredicate = (ref FileSystemEntry entry) => !entry.IsDirectory && FileSystemName.MatchesSimpleExpression(pattern, entry.FileName, ignoreCase: false),
                    ShouldRecursePredicate = (ref FileSystemEntry entry) => !entry.Attributes.HasFlag(FileAttributes.ReparsePoint) || Follows(entry.ToFullPath(), followed),
                },
            ];
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new ImageException($"the folder '{folder}' cannot be read: {error.Message.Split('\n')[0].TrimEnd('.', ' ')}", error);
        }
    }

    /// <summary>Whether a path is a folder or lies below it.</summary>
    public static bool IsWithin(string path, string folder) =>
        (Path.GetFullPath(path) + Path.DirectorySeparatorChar).StartsWith(Path.TrimEndingDirectorySeparator(Path.GetFullPath(folder)) + Path.DirectorySeparatorChar, StringComparison.Ordinal);

    private static bool Follows(string link, List<string> followed)
    {
        var target = Real(link);
        if (followed.Any(folder => IsWithin(target, folder) || IsWithin(folder, target))) return false;
        followed.Add(target);
        return true;
    }

    private static string Real(string path) => Directory.ResolveLinkTarget(path, returnFinalTarget: true)?.FullName ?? path;
}
