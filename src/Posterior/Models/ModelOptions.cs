using System.Text.Json;
using System.Text.Json.Nodes;
using Posterior.Torch;

namespace Posterior.Models;

/// <summary>How a model is loaded. What is not said comes from the card beside the weights, then from their shapes.</summary>
public sealed record ModelOptions
{
    /// <summary>Fields that win over the card beside the file.</summary>
    public ModelCard? Card { get; init; }

    /// <summary>Settings that win over everything, and perhaps <c>arch</c>, the architecture's name.</summary>
    public JsonObject? Architecture { get; init; }

    /// <summary>Where the network goes.</summary>
    public Device Device { get; init; }

    /// <summary>The number format of its weights.</summary>
    public DType DType { get; init; } = DType.Float32;

    /// <summary>Whether the file must have the hash that its card states.</summary>
    public bool VerifyHash { get; init; } = true;

    /// <summary>Reads a configuration for <see cref="Architecture"/>.</summary>
    /// <exception cref="ModelException">The file is missing or holds no JSON object.</exception>
    public static JsonObject ReadArchitecture(string path)
    {
        try
        {
            if (SpecialFile.MayBe(path)) throw new ModelException($"{Path.GetFileName(path)}: expected a JSON object of settings, found what is empty or not a regular file");
            return JsonNode.Parse(File.ReadAllText(path)) as JsonObject ?? throw new ModelException($"{Path.GetFileName(path)}: expected a JSON object of settings");
        }
        catch (Exception failure) when (failure is JsonException or IOException or UnauthorizedAccessException)
        {
            throw new ModelException($"{Path.GetFileName(path)}: expected a JSON object of settings: {failure.Message.ReplaceLineEndings(" ")}", failure);
        }
    }
}
