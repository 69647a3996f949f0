using System.Text.Json;
using System.Text.Json.Serialization;

namespace Posterior.Evaluation.Experiments;

/// <summary>One restoration of an experiment and what was measured of it: a line of the results file.</summary>
public sealed record ResultRow
{
    /// <summary>The hash of everything that decides the result; rows of one key are the same work.</summary>
    public required string Key { get; init; }

    /// <summary>The image's name in its set.</summary>
    public required string Image { get; init; }

    /// <summary>The task's name.</summary>
    public required string Task { get; init; }

    /// <summary>The method's name.</summary>
    public required string Method { get; init; }

    /// <summary>The seed.</summary>
    public ulong Seed { get; init; }

    /// <summary>The sample, from 0.</summary>
    public int Sample { get; init; }

    /// <summary>Values by the metrics' names, of the estimate limited to [0, 1]; not a number where the metric does not apply.</summary>
    public required IReadOnlyDictionary<string, double> Metrics { get; init; }

    /// <summary>SHA-256 of the weight files of metrics that have some, by the metrics' names; null where none has.</summary>
    public IReadOnlyDictionary<string, string>? Weights { get; init; }

    /// <summary><c>norm(y - H x)^2 / m</c> for images in [0, 1]; see <see cref="Evaluation.Consistency"/>.</summary>
    public double Consistency { get; init; }

    /// <summary>Evaluations of the network.</summary>
    public int Evaluations { get; init; }

    /// <summary>The time of the solver.</summary>
    public double Seconds { get; init; }

    /// <summary>The most memory of tensors at once, in bytes, during the solver's run, the network's weights included; -1 where it is not known.</summary>
    public long PeakBytes { get; init; }

    /// <summary>When it was done, ISO 8601 in UTC.</summary>
    public string Done { get; init; } = "";

    /// <summary>The row as a line.</summary>
    public string ToLine() => JsonSerializer.Serialize(this, ResultRowJson.Default.ResultRow);

    /// <summary>Reads a line; null where it is broken.</summary>
    public static ResultRow? TryParse(string line)
    {
        try
        {
            return JsonSerializer.Deserialize(line, ResultRowJson.Default.ResultRow);
        }
        catch (JsonException)
        {
            return null;
        }
    }
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals)]
[JsonSerializable(typeof(ResultRow))]
internal sealed partial class ResultRowJson : JsonSerializerContext;
