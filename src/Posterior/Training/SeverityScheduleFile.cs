using System.Text.Json;
using System.Text.Json.Serialization;
using Posterior.Torch;

namespace Posterior.Training;

/// <summary>A severity schedule as a file: what <c>posterior schedule</c> writes and a training reads.</summary>
public sealed record SeverityScheduleFile
{
    /// <summary>The degradation, as a text form.</summary>
    public required string Degradation { get; init; }

    /// <summary>What distances of severities were measured with.</summary>
    public required string Distance { get; init; }

    /// <summary>The images, and how many.</summary>
    public required string Data { get; init; }

    /// <summary>The number of candidate severities.</summary>
    public required int Candidates { get; init; }

    /// <summary>Times from 0 to 1.</summary>
    public required IReadOnlyList<double> Times { get; init; }

    /// <summary>The severity at each time.</summary>
    public required IReadOnlyList<double> Severities { get; init; }

    /// <summary>The largest distance of neighbours after each choice.</summary>
    public required IReadOnlyList<double> Widest { get; init; }

    /// <summary>Reads a schedule.</summary>
    /// <exception cref="TrainingException">The file is missing or is none.</exception>
    public static SeverityScheduleFile Read(string path)
    {
        try
        {
            if (SpecialFile.MayBe(path)) throw new TrainingException($"schedule: '{path}' is empty or not a regular file");
            return JsonSerializer.Deserialize(File.ReadAllText(path), SeverityScheduleJson.Default.SeverityScheduleFile) ?? throw new TrainingException($"schedule: '{path}' is empty");
        }
        catch (Exception failure) when (failure is JsonException or IOException or UnauthorizedAccessException)
        {
            throw new TrainingException($"schedule: '{path}': expected 'linear' or a file of 'posterior schedule': {failure.Message.ReplaceLineEndings(" ")}");
        }
    }

    /// <summary>The schedule as text.</summary>
    public string ToJson() => JsonSerializer.Serialize(this, SeverityScheduleJson.Default.SeverityScheduleFile);
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, WriteIndented = true, RespectNullableAnnotations = true)]
[JsonSerializable(typeof(SeverityScheduleFile))]
internal sealed partial class SeverityScheduleJson : JsonSerializerContext;
