using System.Text.Json;

namespace Posterior.Imaging;

/// <summary>The labels of a set of images: <c>dataset.json</c> of NVIDIA's EDM tools, <c>{"labels": [[file, class], ...], "classes": [name, ...]}</c>.</summary>
internal sealed class ImageLabels
{
    /// <summary>The name of the file, at the top of a folder or archive.</summary>
    public const string FileName = "dataset.json";

    private readonly Dictionary<string, int>? _classes;

    private ImageLabels(Dictionary<string, int>? classes, string[] names) => (_classes, Classes) = (classes, names);

    /// <summary>The names of the classes; empty when they are not named.</summary>
    public IReadOnlyList<string> Classes { get; }

    /// <summary>Reads the file.</summary>
    /// <exception cref="ImageException">It is not as described above.</exception>
    public static ImageLabels Parse(ReadOnlySpan<byte> json, string name)
    {
        try
        {
            var reader = new Utf8JsonReader(json);
            using var document = JsonDocument.ParseValue(ref reader);
            var root = document.RootElement;
            if (root.ValueKind != JsonValueKind.Object) throw new ImageException($"'{name}' is not a JSON object");
            string[] names = root.TryGetProperty("classes", out var classes) && classes.ValueKind == JsonValueKind.Array ? [.. classes.EnumerateArray().Select(item => item.GetString() ?? "")] : [];
            // EDM writes null for a set without labels.
            if (!root.TryGetProperty("labels", out var labels) || labels.ValueKind == JsonValueKind.Null) return new(null, names);
            var byFile = new Dictionary<string, int>(StringComparer.Ordinal);
            foreach (var pair in labels.EnumerateArray())
            {
                if (pair.GetArrayLength() != 2 || pair[0].GetString() is not { } file || !pair[1].TryGetInt32(out var index) || index < 0)
                    throw new ImageException($"'{name}' holds a label that is not [file name, class index]: {pair.GetRawText()[..Math.Min(60, pair.GetRawText().Length)]}");
                if (names.Length > 0 && index >= names.Length) throw new ImageException($"'{name}' gives '{file}' the class {index}, but names only {names.Length} classes");
                byFile[file] = index;
            }
            return new(byFile, names);
        }
        catch (Exception error) when (error is JsonException or InvalidOperationException)
        {
            throw new ImageException($"'{name}' is not a list of labels as EDM writes it: {error.Message.Split('\n')[0].TrimEnd('.', ' ')}", error);
        }
    }

    /// <summary>The class of each image; null for a set without labels.</summary>
    /// <exception cref="ImageException">An image has none.</exception>
    public int[]? For(string[] names, string origin) => _classes is null
        ? null
        : [.. names.Select(name => _classes.TryGetValue(name, out var index) ? index : throw new ImageException($"the image '{name}' of '{origin}' has no label in {FileName}"))];
}
