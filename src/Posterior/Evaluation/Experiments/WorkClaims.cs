using Posterior.Imaging;

namespace Posterior.Evaluation.Experiments;

/// <summary>Who does which piece of an experiment: a file a piece, locked by the process that does it. The system frees the locks of a process that dies.</summary>
/// <param name="folder">An existing folder for the files.</param>
internal sealed class WorkClaims(string folder)
{
    // EWOULDBLOCK: another process holds the lock. It may have removed the file since.
    private const int WouldBlock = 11;

    /// <summary>Claims a piece.</summary>
    /// <param name="key">The piece.</param>
    /// <returns>The claim, given back when disposed; null where another process holds it.</returns>
    /// <exception cref="ImageException">The folder cannot be written in.</exception>
    public IDisposable? Take(string key)
    {
        var path = Path.Combine(folder, key);
        try
        {
            while (true)
            {
                var stream = new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None, 1);
                // Whoever had it may have removed it between the opening and the locking.
                if (File.Exists(path)) return new Claim(stream, path);
                stream.Dispose();
            }
        }
        catch (UnauthorizedAccessException error)
        {
            throw new ImageException($"cannot write in '{folder}': no permission", error);
        }
        catch (IOException error) when (error.HResult == WouldBlock || File.Exists(path))
        {
            return null;
        }
        catch (IOException error)
        {
            throw new ImageException($"cannot write in '{folder}': {error.Message.Split('\n')[0]}", error);
        }
    }

    private sealed class Claim(FileStream stream, string path) : IDisposable
    {
        public void Dispose()
        {
            // Removed while it is locked, so that no other process locks a file that is about to go.
            File.Delete(path);
            stream.Dispose();
        }
    }
}
