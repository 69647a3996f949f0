namespace Posterior.Imaging;

/// <summary>Files that appear complete or not at all: written under a temporary name in the same folder, then renamed.</summary>
public static class AtomicFile
{
    private const int DiskFull = 28; // ENOSPC

    /// <summary>Writes <paramref name="path"/>, replacing an older file only once the new one is complete.</summary>
    /// <param name="path">The file to write. Its folder must exist.</param>
    /// <param name="write">Writes the content.</param>
    /// <exception cref="ImageException">The folder is missing or not writable, or the disk is full; nothing is left behind.</exception>
    public static void Write(string path, Action<Stream> write)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        if (Directory.Exists(path)) throw new ImageException($"cannot write '{path}': it is a folder");
        var folder = Path.GetDirectoryName(Path.GetFullPath(path))!;
        if (!Directory.Exists(folder)) throw new ImageException($"cannot write '{path}': the folder '{folder}' does not exist");
        var temporary = Path.Combine(folder, $".{Path.GetFileName(path)}.{Environment.ProcessId}-{Guid.NewGuid():N}.part");
        try
        {
            using (var stream = new FileStream(temporary, FileMode.CreateNew, FileAccess.Write, FileShare.None))
            {
                write(stream);
                // The rename must not come to the disk before the content.
                stream.Flush(flushToDisk: true);
            }
            File.Move(temporary, path, overwrite: true);
        }
        catch (Exception error)
        {
            Remove(temporary);
            switch (error)
            {
                case UnauthorizedAccessException:
                    throw new ImageException($"cannot write '{path}': no permission to write in '{folder}'", error);
                case IOException { HResult: var code } when (code & 0xFFFF) == DiskFull:
                    throw new ImageException($"cannot write '{path}': the disk is full", error);
                case IOException:
                    throw new ImageException($"cannot write '{path}': {error.Message.Split('\n')[0].TrimEnd('.', ' ')}", error);
                default:
                    throw;
            }
        }
    }

    private static void Remove(string temporary)
    {
        try
        {
            File.Delete(temporary);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            // The first failure is the one to report.
        }
    }
}
