using Posterior.Imaging;

namespace Posterior.Training;

/// <summary>The right to train in a folder, which one training at a time has: two would write over each other's states.</summary>
public sealed class TrainingClaim : IDisposable
{
    private readonly FileClaim _file;

    private TrainingClaim(FileClaim file) => _file = file;

    /// <summary>Claims a folder. The system ends the claim where its process is killed.</summary>
    /// <param name="folder">The folder, which exists.</param>
    /// <exception cref="TrainingException">Another training has it, or nothing can be written there.</exception>
    public static TrainingClaim Take(string folder)
    {
        try
        {
            return new(FileClaim.Take(Path.Combine(folder, "in-use")) ?? throw new TrainingException($"another training is at work in '{folder}'"));
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            throw new TrainingException($"nothing can be written in '{folder}': {failure.Message}");
        }
    }

    /// <summary>Leaves the folder to others.</summary>
    public void Dispose() => _file.Dispose();
}
