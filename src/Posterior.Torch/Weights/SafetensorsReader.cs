using System.Buffers.Binary;
using System.Text;
using System.Text.Json;
using System.Text.Unicode;

namespace Posterior.Torch.Weights;

/// <summary>
/// Reads and checks the header of a safetensors file: an unsigned 64-bit length, that many bytes of JSON, then the data
/// (format: https://huggingface.co/docs/safetensors). Every rule of the format is enforced, so two readers can never see two different files.
/// </summary>
internal sealed class SafetensorsReader
{
    /// <summary>The header's length field.</summary>
    private const int Prefix = 8;

    /// <summary>The format's own limit for the header.</summary>
    private const long LongestHeader = 100_000_000;

    private const string MetadataKey = "__metadata__";

    private readonly MappedFile _file;
    private readonly long _dataStart;
    private readonly long _dataLength;
    private readonly List<Range> _ranges = [];
    private readonly HashSet<string> _names = new(StringComparer.Ordinal);

    private SafetensorsReader(MappedFile file, long headerLength)
    {
        _file = file;
        _dataStart = Prefix + headerLength;
        _dataLength = file.Length - _dataStart;
    }

    private readonly record struct Range(string Name, long Begin, long End);

    /// <summary>The tensors in the order of the header.</summary>
    public List<WeightEntry> Entries { get; } = [];

    /// <summary>The strings under <c>__metadata__</c>.</summary>
    public Dictionary<string, string> Metadata { get; } = new(StringComparer.Ordinal);

    /// <summary>Whether a file starts with a plausible header length and the brace of its header.</summary>
    public static bool Matches(MappedFile file)
        => file.Length > Prefix
            && BinaryPrimitives.ReadUInt64LittleEndian(file.Span(0, Prefix)) <= (ulong)(file.Length - Prefix)
            && file.Span(Prefix, 1)[0] == (byte)'{';

    /// <summary>Parses and validates the whole header; no tensor data is touched.</summary>
    /// <exception cref="WeightFileException">The file breaks a rule of the format.</exception>
    public static SafetensorsReader Read(MappedFile file)
    {
        if (file.Length < Prefix)
            throw file.Error($"not a safetensors file: expected an 8-byte header length, found {file.Length} bytes in all");
        var declared = BinaryPrimitives.ReadUInt64LittleEndian(file.Span(0, Prefix));
        if (declared > (ulong)(file.Length - Prefix))
        {
            var follow = file.Length - Prefix;
            throw file.Error($"neither from torch.save nor a complete safetensors file: as such its header would have {declared} bytes, {follow} follow");
        }

        if (declared is > LongestHeader or < 2)
            throw file.Error($"not a safetensors file: expected a header of 2 to {LongestHeader} bytes, found {declared}");

        var reader = new SafetensorsReader(file, (long)declared);
        var header = file.Span(Prefix, (int)declared);
        if (header[0] != (byte)'{')
            throw file.Error("not a safetensors file: expected the header to start with '{', found " + Describe(header[0]));
        if (!Utf8.IsValid(header))
            throw file.Error("safetensors header is not valid UTF-8");
        try
        {
            reader.ReadHeader(header);
        }
        catch (JsonException failure)
        {
            throw new WeightFileException(file.FilePath, $"safetensors header is not valid JSON: {failure.Message}", failure);
        }
        catch (InvalidOperationException failure)
        {
            // The JSON reader's way to refuse an escaped half of a surrogate pair.
            throw new WeightFileException(file.FilePath, $"safetensors header holds text that is not Unicode: {failure.Message}", failure);
        }

        reader.CheckCoverage();
        return reader;
    }

    private static string Describe(byte value) => value is > 0x20 and < 0x7f ? $"'{(char)value}'" : $"byte 0x{value:x2}";

    private void ReadHeader(ReadOnlySpan<byte> header)
    {
        // Object, tensor object, array: a valid header is three levels deep.
        var json = new Utf8JsonReader(header, new JsonReaderOptions { MaxDepth = 4 });
        json.Read();
        var metadataSeen = false;
        while (json.Read() && json.TokenType == JsonTokenType.PropertyName)
        {
            var name = json.GetString()!;
            json.Read();
            if (name == MetadataKey)
            {
                if (metadataSeen)
                    throw _file.Error($"safetensors header holds '{MetadataKey}' twice");
                metadataSeen = true;
                ReadMetadata(ref json);
            }
            else
            {
                if (!_names.Add(name))
                    throw _file.Error($"safetensors header holds the tensor '{name}' twice");
                ReadTensor(ref json, name);
            }
        }

        // Runs past the padding; throws on anything else behind the object.
        json.Read();
    }

    private void ReadMetadata(ref Utf8JsonReader json)
    {
        if (json.TokenType != JsonTokenType.StartObject)
            throw _file.Error($"'{MetadataKey}': expected an object of strings, found {json.TokenType}");
        while (json.Read() && json.TokenType == JsonTokenType.PropertyName)
        {
            var key = json.GetString()!;
            json.Read();
            if (json.TokenType != JsonTokenType.String)
                throw _file.Error($"'{MetadataKey}', key '{key}': expected a string, found {json.TokenType}");
            if (!Metadata.TryAdd(key, json.GetString()!))
                throw _file.Error($"'{MetadataKey}' holds the key '{key}' twice");
        }
    }

    private void ReadTensor(ref Utf8JsonReader json, string name)
    {
        if (json.TokenType != JsonTokenType.StartObject)
            throw _file.Error($"tensor '{name}': expected an object, found {json.TokenType}");
        string? typeName = null;
        long[]? shape = null;
        long[]? offsets = null;
        while (json.Read() && json.TokenType == JsonTokenType.PropertyName)
        {
            var field = json.GetString()!;
            json.Read();
            switch (field)
            {
                case "dtype" when typeName is null:
                    if (json.TokenType != JsonTokenType.String)
                        throw _file.Error($"tensor '{name}': expected dtype to be a string, found {json.TokenType}");
                    typeName = json.GetString()!;
                    break;
                case "shape" when shape is null:
                    shape = ReadIntegers(ref json, name, field);
                    break;
                case "data_offsets" when offsets is null:
                    offsets = ReadIntegers(ref json, name, field);
                    break;
                case "dtype" or "shape" or "data_offsets":
                    throw _file.Error($"tensor '{name}' holds '{field}' twice");
                default:
                    throw _file.Error($"tensor '{name}': expected dtype, shape and data_offsets, found '{field}'");
            }
        }

        AddTensor(
            name,
            typeName ?? throw Missing(name, "dtype"),
            shape ?? throw Missing(name, "shape"),
            offsets ?? throw Missing(name, "data_offsets"));
    }

    private WeightFileException Missing(string name, string field) => _file.Error($"tensor '{name}' has no {field}");

    private long[] ReadIntegers(ref Utf8JsonReader json, string name, string field)
    {
        if (json.TokenType != JsonTokenType.StartArray)
            throw _file.Error($"tensor '{name}': expected {field} to be an array, found {json.TokenType}");
        var values = new List<long>();
        while (json.Read() && json.TokenType != JsonTokenType.EndArray)
        {
            if (json.TokenType != JsonTokenType.Number || !json.TryGetInt64(out var value) || value < 0)
                throw _file.Error($"tensor '{name}': expected {field} to hold whole numbers from 0, found {Token(json)}");
            values.Add(value);
        }

        return [.. values];
    }

    private static string Token(in Utf8JsonReader json)
        => json.TokenType == JsonTokenType.Number ? Encoding.UTF8.GetString(json.ValueSpan) : json.TokenType.ToString();

    private void AddTensor(string name, string typeName, long[] shape, long[] offsets)
    {
        if (ElementTypes.FromSafetensorsName(typeName) is not { } type)
            throw _file.Error($"tensor '{name}': dtype '{typeName}' is not supported");
        if (offsets is not [var begin, var end])
            throw _file.Error($"tensor '{name}': expected two data_offsets, found {offsets.Length}");
        if (shape.Length > StridedView.HighestRank)
            throw _file.Error($"tensor '{name}': expected at most {StridedView.HighestRank} dimensions, found {shape.Length}");
        if (begin > end || end > _dataLength)
            throw _file.Error($"tensor '{name}': data_offsets [{begin}, {end}] do not lie in the {_dataLength} bytes of data");
        if (!ElementTypes.TryCountBytes(shape, type, out var bytes))
            throw _file.Error($"tensor '{name}': shape [{string.Join(", ", shape)}] is larger than 63 bits can count");
        if (bytes != end - begin)
            throw _file.Error($"tensor '{name}': {typeName} [{string.Join(", ", shape)}] needs {bytes} bytes, its data_offsets hold {end - begin}");
        _ranges.Add(new Range(name, begin, end));
        Entries.Add(new WeightEntry(name, type, shape, new MappedBytes(_file, _dataStart + begin, bytes)));
    }

    /// <summary>The ranges must tile the data section: no overlap, no hole, nothing behind the last one.</summary>
    private void CheckCoverage()
    {
        _ranges.Sort(static (a, b) => a.Begin != b.Begin ? a.Begin.CompareTo(b.Begin) : a.End.CompareTo(b.End));
        long covered = 0;
        foreach (var range in _ranges)
        {
            if (range.Begin != covered)
            {
                var fault = range.Begin < covered ? "overlaps the tensor before it" : "leaves a hole before it";
                throw _file.Error($"tensor '{range.Name}' {fault}: expected its data at {covered}, found {range.Begin}");
            }

            covered = range.End;
        }

        if (covered != _dataLength)
            throw _file.Error($"expected {covered} bytes of tensor data, found {_dataLength}");
    }
}
