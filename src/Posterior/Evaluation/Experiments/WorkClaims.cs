using Posterior.Imaging;

namespace Posterior.Evaluation.Experiments;

/// <summary>Who does which piece of an experiment: a <see cref="FileClaim"/> a piece, of the process that does it.</summary>
/// <param name="folder">An existing folder for the files.</param>
internal sealed class WorkClaims(string folder)
{
    /// <summary>Claims a piece.</summary>
    /// <param name="key">The piece.</param>
    /// <returns>The claim, given back when disposed; null where another process holds it.</returns>
    /// <exception cref="ImageException">The folder cannot be written in.</exception>
    public IDisposable? Take(string key)
    {
        var path = Path.Combine(folder, key);
        try
        {
            return FileClaim.Take(path);
        }
        catch (UnauthorizedAccessException error)
        {
            throw new ImageException($"cannot write in '{folder}': no permission", error);
        }
        catch (IOException) when (File.Exists(path))
        {
            return null;
        }
        catch (IOException error)
        {
            throw new ImageException($"cannot write in '{folder}': {error.Message.Split('\n')[0]}", error);
        }
    }
}
