using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Posterior.Solvers;

/// <summary>Settings in JSON: an object of snake-case names with numbers and truth values as such.</summary>
public sealed class SolverSettingsJson : JsonConverter<SolverSettings>
{
    /// <inheritdoc/>
    /// <exception cref="JsonException">It is no object of single values.</exception>
    public override SolverSettings Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options)
    {
        using var document = JsonDocument.ParseValue(ref reader);
        if (document.RootElement.ValueKind != JsonValueKind.Object) throw new JsonException("solver settings are an object");
        var settings = new SolverSettings();
        foreach (var property in document.RootElement.EnumerateObject())
        {
            if (property.Value.ValueKind is JsonValueKind.Object or JsonValueKind.Array) throw new JsonException($"the solver setting '{property.Name}' is no single value");
            if (property.Value.ValueKind != JsonValueKind.Null) settings = settings.With(property.Name.Replace('_', '-'), property.Value.ToString());
        }
        return settings;
    }

    /// <inheritdoc/>
    public override void Write(Utf8JsonWriter writer, SolverSettings value, JsonSerializerOptions options)
    {
        writer.WriteStartObject();
        foreach (var (name, text) in value.Values)
        {
            writer.WritePropertyName(name.Replace('-', '_'));
            // Only what reads back as the same text is written as a number.
            if (decimal.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var number) && number.ToString(CultureInfo.InvariantCulture) == text) writer.WriteNumberValue(number);
            else writer.WriteStringValue(text);
        }
        writer.WriteEndObject();
    }
}
