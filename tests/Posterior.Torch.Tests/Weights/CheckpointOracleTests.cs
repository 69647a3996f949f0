using System.Globalization;
using System.Numerics;
using System.Runtime.InteropServices;
using System.Text.Json;
using Posterior.Oracles;
using Posterior.Torch.Weights;

namespace Posterior.Torch.Tests.Weights;

/// <summary>Each checkpoint in PyTorch's containers against the tensors that PyTorch itself loads from it.</summary>
[Trait("Category", "Oracle")]
public sealed class CheckpointOracleTests
{
    private const string Expected = ".expected.safetensors";

    public static IEnumerable<object[]> RowsWithValues()
    {
        var rows = new List<object[]>();
        foreach (var row in OracleFiles.Enumerate("checkpoints"))
        {
            using var oracle = OracleFiles.Open(row);
            if (oracle.Text("values") is not null)
                rows.Add([row]);
        }

        return rows.Count > 0 ? rows : [[OracleFiles.NoFiles]];
    }

    [SkippableTheory]
    [MemberData(nameof(OracleFiles.Rows), "checkpoints", "checkpoint", MemberType = typeof(OracleFiles))]
    public void Checkpoint_loads_bit_for_bit(string row)
    {
        using var expected = OracleFiles.Open(row);
        using var file = WeightFile.Open(CheckpointOf(expected));

        Assert.NotEqual(WeightFileFormat.Safetensors, file.Format);
        Assert.Equal(expected.Names.Order(StringComparer.Ordinal), file.Entries.Select(entry => entry.Name).Order(StringComparer.Ordinal));
        var types = expected.Json("dtypes");
        foreach (var entry in file.Entries)
        {
            var reference = expected.Weights[entry.Name];
            Assert.Equal(types.GetProperty(entry.Name).GetString(), TorchName(entry.DType));
            Assert.Equal(reference.Shape, entry.Shape);
            Assert.Equal(reference.ReadBytes(), Widened(entry, reference.DType));
        }
    }

    [SkippableTheory]
    [MemberData(nameof(RowsWithValues))]
    public void Checkpoint_keeps_the_values_beside_its_tensors(string row)
    {
        using var expected = OracleFiles.Open(row);
        using var file = WeightFile.Open(CheckpointOf(expected));

        foreach (var property in expected.Json("values").EnumerateObject())
        {
            AssertEntry(file.Values, property.Name, property.Value);
        }
    }

    [SkippableTheory]
    [MemberData(nameof(OracleFiles.Rows), "checkpoints", "checkpoint", MemberType = typeof(OracleFiles))]
    public void Checkpoint_survives_conversion_to_safetensors(string row)
    {
        using var expected = OracleFiles.Open(row);
        using var file = WeightFile.Open(CheckpointOf(expected));
        using var folder = new TemporaryFolder();
        var path = folder.File("converted.safetensors");

        SafetensorsWriter.Write(path, file.Entries);

        using var converted = WeightFile.Open(path);
        Assert.Equal(file.Entries.Select(entry => entry.ToString()), converted.Entries.Select(entry => entry.ToString()));
        foreach (var entry in file.Entries)
        {
            Assert.Equal(entry.ReadBytes(), converted[entry.Name].ReadBytes());
        }
    }

    private static string CheckpointOf(OracleFile expected)
    {
        var stem = expected.FilePath[..^Expected.Length];
        return Assert.Single(new[] { ".pt", ".pth", ".ckpt" }.Select(extension => stem + extension), File.Exists);
    }

    /// <summary>The expected files hold bfloat16 as float32 and small integers as int32; both conversions are exact.</summary>
    private static byte[] Widened(WeightEntry entry, DType expected)
    {
        var bytes = entry.ReadBytes();
        return (entry.DType, expected) switch
        {
            (DType.BFloat16, DType.Float32) => Convert<ushort, uint>(bytes, value => (uint)value << 16),
            (DType.Int8, DType.Int32) => Convert<sbyte, int>(bytes, value => value),
            (DType.Int16, DType.Int32) => Convert<short, int>(bytes, value => value),
            var (stored, wanted) when stored == wanted => bytes,
            _ => throw new InvalidDataException($"'{entry.Name}' is {entry.DType}, the oracle {expected}"),
        };
    }

    private static byte[] Convert<TFrom, TTo>(byte[] bytes, Func<TFrom, TTo> convert)
        where TFrom : unmanaged
        where TTo : unmanaged
        => MemoryMarshal.AsBytes<TTo>(MemoryMarshal.Cast<byte, TFrom>(bytes).ToArray().Select(convert).ToArray()).ToArray();

    private static string TorchName(DType type) => type == DType.BFloat16 ? "bfloat16" : type.ToString().ToLowerInvariant();

    // A list that holds lists may be one value of the oracle, or one for each of its items; the loader names the items, and keeps a list of plain values as one.
    private static void AssertEntry(IReadOnlyDictionary<string, object?> values, string name, JsonElement expected)
    {
        if (values.TryGetValue(name, out var found))
        {
            AssertValue(expected, found);
            return;
        }

        var dot = name.LastIndexOf('.');
        if (expected.ValueKind == JsonValueKind.Array && expected.GetArrayLength() > 0)
        {
            foreach (var (item, i) in expected.EnumerateArray().Select((item, i) => (item, i)))
            {
                AssertEntry(values, $"{name}.{i}", item);
            }

            Assert.False(values.Keys.Any(key => key.StartsWith($"{name}.{expected.GetArrayLength()}", StringComparison.Ordinal)), $"'{name}' has more items than the oracle");
        }
        else if (expected.ValueKind == JsonValueKind.Object && expected.EnumerateObject().Any())
        {
            foreach (var property in expected.EnumerateObject())
            {
                AssertEntry(values, $"{name}.{property.Name}", property.Value);
            }
        }
        else
        {
            Assert.True(
                dot > 0 && values.TryGetValue(name[..dot], out found) && found is IReadOnlyList<object?> && int.TryParse(name[(dot + 1)..], out _), $"no value '{name}'");
            AssertValue(expected, ((IReadOnlyList<object?>)found)[int.Parse(name[(dot + 1)..], CultureInfo.InvariantCulture)]);
        }
    }

    private static void AssertValue(JsonElement expected, object? found)
    {
        switch (expected.ValueKind)
        {
            case JsonValueKind.Null:
                Assert.Null(found);
                break;
            case JsonValueKind.True or JsonValueKind.False:
                Assert.Equal(expected.GetBoolean(), Assert.IsType<bool>(found));
                break;
            case JsonValueKind.Number when found is long integer:
                Assert.Equal(expected.GetInt64(), integer);
                break;
            case JsonValueKind.Number:
                Assert.Equal(expected.GetDouble(), Assert.IsType<double>(found));
                break;
            case JsonValueKind.String when found is BigInteger or long:
                Assert.Equal(expected.GetString(), ((IFormattable)found).ToString(null, CultureInfo.InvariantCulture));
                break;
            case JsonValueKind.String:
                Assert.Equal(expected.GetString(), Assert.IsType<string>(found));
                break;
            case JsonValueKind.Array:
                var items = Assert.IsAssignableFrom<IReadOnlyList<object?>>(found);
                Assert.Equal(expected.GetArrayLength(), items.Count);
                foreach (var (item, i) in expected.EnumerateArray().Select((item, i) => (item, i)))
                {
                    AssertValue(item, items[i]);
                }

                break;
            default:
                throw new InvalidDataException($"the oracle holds a value of kind {expected.ValueKind}");
        }
    }
}
