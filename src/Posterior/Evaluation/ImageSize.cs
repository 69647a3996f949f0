using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization;
using Posterior.Torch;

namespace Posterior.Evaluation;

/// <summary>The size of an image as users write it: <c>640x480</c>, width first.</summary>
/// <param name="Width">Columns.</param>
/// <param name="Height">Rows.</param>
[JsonConverter(typeof(ImageSizeJson))]
public readonly record struct ImageSize(long Width, long Height)
{
    private const long Most = 1 << 20;

    /// <summary>Reads <c>WIDTHxHEIGHT</c>, or one number for a square.</summary>
    /// <exception cref="FormatException">The text is no size, or has more pixels than image files may have.</exception>
    public static ImageSize Parse(string text)
    {
        var size = Read(text);
        return size.Width * size.Height <= ImageCodec.MostPixels ? size : throw new FormatException(string.Create(CultureInfo.InvariantCulture, $"'{text}' is too large: expected at most {ImageCodec.MostPixels} pixels"));
    }

    // Results may be larger than what is read.
    internal static ImageSize Read(string text)
    {
        var parts = text.Split('x', 'X');
        if (parts.Length is 1 or 2 && parts.All(part => long.TryParse(part, NumberStyles.None, CultureInfo.InvariantCulture, out var side) && side is > 0 and <= Most))
            return new(long.Parse(parts[0], CultureInfo.InvariantCulture), long.Parse(parts[^1], CultureInfo.InvariantCulture));
        throw new FormatException($"'{text}' is no size: expected WIDTHxHEIGHT, as 640x480, each from 1 to {Most}");
    }

    /// <inheritdoc/>
    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{Width}x{Height}");
}

/// <summary>Writes a size as its text.</summary>
public sealed class ImageSizeJson : JsonConverter<ImageSize>
{
    /// <inheritdoc/>
    public override ImageSize Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options)
    {
        try
        {
            return ImageSize.Read(reader.GetString() ?? "");
        }
        catch (FormatException failure)
        {
            throw new JsonException(failure.Message, failure);
        }
    }

    /// <inheritdoc/>
    public override void Write(Utf8JsonWriter writer, ImageSize value, JsonSerializerOptions options) => writer.WriteStringValue(value.ToString());
}
