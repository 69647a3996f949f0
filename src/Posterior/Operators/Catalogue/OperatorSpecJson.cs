using System.Text.Json;
using System.Text.Json.Serialization;

namespace Posterior.Operators;

/// <summary>Writes a definition as its text form.</summary>
public sealed class OperatorSpecJson : JsonConverter<OperatorSpec>
{
    /// <inheritdoc/>
    public override bool CanConvert(Type typeToConvert) => typeof(OperatorSpec).IsAssignableFrom(typeToConvert);

    /// <inheritdoc/>
    public override OperatorSpec Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options)
    {
        try
        {
            return OperatorCatalog.Parse(reader.GetString() ?? "");
        }
        catch (OperatorException failure)
        {
            throw new JsonException(failure.Message, failure);
        }
    }

    /// <inheritdoc/>
    public override void Write(Utf8JsonWriter writer, OperatorSpec value, JsonSerializerOptions options) => writer.WriteStringValue(value.Text);
}
