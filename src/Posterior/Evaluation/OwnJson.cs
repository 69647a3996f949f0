using System.Text.Json;
using Posterior.Imaging;
using Posterior.Torch;

namespace Posterior.Evaluation;

/// <summary>JSON files that are written beside pictures, under names that a user's own files may have.</summary>
internal static class OwnJson
{
    /// <summary>Checks that a file is missing, or one that was written here.</summary>
    /// <param name="path">The file.</param>
    /// <param name="what">What else it is, for the message.</param>
    /// <param name="names">Names at the top of those that are written.</param>
    /// <exception cref="ImageException">It is another one.</exception>
    public static void CheckReplaceable(string path, string what, params IReadOnlyList<string> names)
    {
        if (File.Exists(path) && !Has(path, names)) throw new ImageException($"'{path}' would be replaced, and it is {what}: give the output another name, or move that file away");
    }

    private static bool Has(string path, IReadOnlyList<string> names)
    {
        try
        {
            if (SpecialFile.MayBe(path)) return false;
            using var document = JsonDocument.Parse(File.ReadAllBytes(path));
            return document.RootElement.ValueKind == JsonValueKind.Object && names.All(name => document.RootElement.TryGetProperty(name, out _));
        }
        catch (Exception error) when (error is JsonException or IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }
}
