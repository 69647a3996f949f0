namespace Posterior.Evaluation.Experiments;

/// <summary>A file of results that several processes write, each holding it for as long as one row takes.</summary>
internal static class SharedFile
{
    private static readonly TimeSpan _patience = TimeSpan.FromSeconds(30);

    /// <summary>Opens it, waiting while another process holds it.</summary>
    /// <exception cref="IOException">It does not exist, or was held for 30 seconds.</exception>
    public static FileStream Open(string path, FileMode mode, FileAccess access, FileShare share)
    {
        var deadline = DateTime.UtcNow + _patience;
        while (true)
        {
            try
            {
                return new FileStream(path, mode, access, share);
            }
            catch (IOException) when (DateTime.UtcNow < deadline && File.Exists(path))
            {
                Thread.Sleep(10);
            }
        }
    }
}
