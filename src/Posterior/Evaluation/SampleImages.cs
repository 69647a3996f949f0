using Posterior.Imaging;

namespace Posterior.Evaluation;

/// <summary>The pictures that come with the project: the folder <c>samples</c> in the program's folder or above it.</summary>
public static class SampleImages
{
    private const string Pattern = "*.png";

    /// <summary>The picture files in ordinal order.</summary>
    /// <exception cref="ImageException">There are none.</exception>
    public static IReadOnlyList<string> Files() => [.. Directory.GetFiles(Folder(), Pattern).Order(StringComparer.Ordinal)];

    /// <summary>The same as a set of images.</summary>
    /// <exception cref="ImageException">There are none.</exception>
    public static ImageSource Open() => ImageSource.Open(Path.Combine(Folder(), Pattern));

    private static string Folder()
    {
        for (var folder = new DirectoryInfo(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            var candidate = Path.Combine(folder.FullName, "samples");
            if (Directory.Exists(candidate) && Directory.GetFiles(candidate, Pattern).Length > 0) return candidate;
        }
        throw new ImageException($"no folder 'samples' with pictures lies in '{AppContext.BaseDirectory}' or above it");
    }
}
