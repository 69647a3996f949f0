namespace Posterior.Training;

/// <summary>The right to train in a folder, which one training at a time has: two would write over each other's states.</summary>
public sealed class TrainingClaim : IDisposable
{
    private const int WouldBlock = 11;

    private readonly FileStream _file;

    private TrainingClaim(FileStream file) => _file = file;

    /// <summary>Claims a folder. The system ends the claim where its process is killed; the file that is left then means nothing.</summary>
    /// <param name="folder">The folder, which exists.</param>
    /// <exception cref="TrainingException">Another training has it, or nothing can be written there.</exception>
    public static TrainingClaim Take(string folder)
    {
        try
        {
            return new(new FileStream(Path.Combine(folder, "in-use"), FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None, 1, FileOptions.DeleteOnClose));
        }
        catch (IOException taken) when (taken.HResult == WouldBlock)
        {
            throw new TrainingException($"another training is at work in '{folder}'");
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            throw new TrainingException($"nothing can be written in '{folder}': {failure.Message}");
        }
    }

    /// <summary>Leaves the folder to others.</summary>
    public void Dispose() => _file.Dispose();
}
