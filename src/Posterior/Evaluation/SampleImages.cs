using Posterior.Imaging;

namespace Posterior.Evaluation;

/// <summary>The pictures that come with the project: the folder <c>samples</c> in the program's folder or above it.</summary>
public static class SampleImages
{
    /// <summary>The picture files in ordinal order.</summary>
    /// <exception cref="ImageException">There are none.</exception>
    public static IReadOnlyList<string> Files()
    {
        for (var folder = new DirectoryInfo(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            var candidate = Path.Combine(folder.FullName, "samples");
            if (Directory.Exists(candidate) && Directory.GetFiles(candidate, "*.png") is { Length: > 0 } files) return [.. files.Order(StringComparer.Ordinal)];
        }
        throw new ImageException($"no folder 'samples' with pictures lies in '{AppContext.BaseDirectory}' or above it");
    }
}
