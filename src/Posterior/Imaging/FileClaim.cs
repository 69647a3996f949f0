namespace Posterior.Imaging;

/// <summary>A file that one process at a time holds, locked while it does and then removed. The system frees the lock of a process that dies: the file that is left means nothing.</summary>
internal sealed class FileClaim : IDisposable
{
    private const int WouldBlock = 11; // EWOULDBLOCK

    private readonly FileStream _stream;

    private FileClaim(FileStream stream) => _stream = stream;

    /// <summary>Takes a file, which is made.</summary>
    /// <param name="path">The file; its folder exists.</param>
    /// <returns>Null where another process holds it.</returns>
    /// <exception cref="IOException">It cannot be made.</exception>
    /// <exception cref="UnauthorizedAccessException">It must not be written.</exception>
    public static FileClaim? Take(string path)
    {
        try
        {
            while (true)
            {
                var stream = new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None, 1);
                // Whoever had it may have removed it between the opening and the locking.
                if (File.Exists(path)) return new(stream);
                stream.Dispose();
            }
        }
        catch (IOException taken) when (taken.HResult == WouldBlock)
        {
            return null;
        }
    }

    /// <summary>Leaves the file to others.</summary>
    public void Dispose()
    {
        try
        {
            // Removed while it is locked, so that no other process locks a file that is about to go.
            File.Delete(_stream.Name);
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            // Its folder has gone, or it stays: either way nobody holds it.
        }
        _stream.Dispose();
    }
}
