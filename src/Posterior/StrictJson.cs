using System.Text.Json;
using System.Text.Json.Serialization.Metadata;

namespace Posterior;

/// <summary>Reads JSON of files that anyone may have edited: what the generated reader lets through, nothing in place of an item of a list, is told as a fault of the file.</summary>
internal static class StrictJson
{
    /// <summary>Reads a text.</summary>
    /// <typeparam name="T">What it holds.</typeparam>
    /// <param name="text">JSON.</param>
    /// <param name="type">Its type, of a context that respects nullable annotations.</param>
    /// <returns>What it holds; null where the whole text is <c>null</c>.</returns>
    /// <exception cref="JsonException">The text is no JSON, or holds something else.</exception>
    public static T? Read<T>(string text, JsonTypeInfo<T> type)
    {
        using var document = JsonDocument.Parse(text, new JsonDocumentOptions { AllowTrailingCommas = type.Options.AllowTrailingCommas, CommentHandling = type.Options.ReadCommentHandling });
        RequireItems(document.RootElement, "$");
        return document.Deserialize(type);
    }

    // A reader's limit of 64 levels holds before this.
    private static void RequireItems(JsonElement element, string path)
    {
        if (element.ValueKind == JsonValueKind.Object)
        {
            foreach (var property in element.EnumerateObject()) RequireItems(property.Value, $"{path}.{property.Name}");
        }
        else if (element.ValueKind == JsonValueKind.Array)
        {
            var index = 0;
            foreach (var item in element.EnumerateArray())
            {
                if (item.ValueKind == JsonValueKind.Null) throw new JsonException($"expected an item of the list, found null at {path}[{index}]");
                RequireItems(item, $"{path}[{index++}]");
            }
        }
    }
}
