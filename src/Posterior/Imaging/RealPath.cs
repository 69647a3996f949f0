namespace Posterior.Imaging;

/// <summary>Where a file really lies: two names of one place become one.</summary>
internal static class RealPath
{
    /// <summary>The full path of a file, which need not exist, with the links among its folders resolved: what a file renamed to it replaces.</summary>
    public static string Of(string path)
    {
        var full = Path.TrimEndingDirectorySeparator(Path.GetFullPath(path));
        return Path.GetDirectoryName(full) is { } folder ? Path.Combine(OfFolder(folder), Path.GetFileName(full)) : full;
    }

    /// <summary>The same of what it leads to where it is a link.</summary>
    public static string OfTarget(string path)
    {
        var real = Of(path);
        return Target(new FileInfo(real)) is { } target ? Of(target) : real;
    }

    private static string OfFolder(string folder)
    {
        if (Path.GetDirectoryName(folder) is not { } parent) return folder;
        var real = Path.Combine(OfFolder(parent), Path.GetFileName(folder));
        return Target(new DirectoryInfo(real)) is { } target ? OfFolder(target) : real;
    }

    private static string? Target(FileSystemInfo info)
    {
        try
        {
            return info.ResolveLinkTarget(returnFinalTarget: true)?.FullName;
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            // It does not exist, its links form a circle, or it cannot be looked at: there is nothing to replace.
            return null;
        }
    }
}
