using System.Globalization;
using System.Runtime.InteropServices;
using System.Text.Json;
using Posterior.Torch;
using Posterior.Torch.Weights;

namespace Posterior.Oracles;

/// <summary>One open oracle file: tensors (<c>in.*</c>, <c>out.*</c>, ...) and the metadata that say what they are.</summary>
public sealed class OracleFile : IDisposable
{
    /// <summary>Opens a safetensors file.</summary>
    /// <param name="path">The full path.</param>
    /// <param name="name">The path below the oracle root, for messages.</param>
    public OracleFile(string path, string name)
    {
        Weights = WeightFile.Open(path);
        FilePath = path;
        Name = name;
    }

    /// <summary>The full path.</summary>
    public string FilePath { get; }

    /// <summary>The path below the oracle root.</summary>
    public string Name { get; }

    /// <summary>The open file.</summary>
    public WeightFile Weights { get; }

    /// <summary>What the file describes (<c>loss</c>, <c>operator</c>, ...); null when the metadata do not say.</summary>
    public string? Kind => Text("kind");

    /// <summary>The names of all tensors, in file order.</summary>
    public IEnumerable<string> Names => Weights.Entries.Select(entry => entry.Name);

    /// <summary>The <c>spec</c>: method, constants, options. A spec that is missing or no JSON fails the test.</summary>
    public JsonElement Spec => Json("spec");

    /// <summary>
    /// The stated <c>tolerance</c>: relative to the largest absolute value of the tensor unless the README, or words behind the number, say
    /// otherwise (<c>Text("tolerance")</c> gives those too).
    /// </summary>
    public double Tolerance => Number("tolerance");

    /// <summary>A metadata string; null when there is none.</summary>
    public string? Text(string key) => Weights.Metadata.GetValueOrDefault(key);

    /// <summary>A metadata entry that holds JSON; missing or unreadable, it fails the test.</summary>
    public JsonElement Json(string key)
    {
        var text = Text(key);
        Assert.True(text is not null, $"{Name}: no metadata '{key}'");
        try
        {
            using var document = JsonDocument.Parse(text);
            return document.RootElement.Clone();
        }
        catch (JsonException failure)
        {
            throw new InvalidDataException($"{Name}: metadata '{key}' is not JSON: {failure.Message}", failure);
        }
    }

    /// <summary>A metadata entry that starts with a number; missing or unreadable, it fails the test.</summary>
    public double Number(string key)
    {
        var text = Text(key);
        Assert.True(
            double.TryParse(text?.Split(' ')[0], NumberStyles.Float, CultureInfo.InvariantCulture, out var value),
            $"{Name}: metadata '{key}' is '{text}', expected a number");
        return value;
    }

    /// <summary>Whether the file holds a tensor of this name.</summary>
    public bool Has(string tensor) => Weights.TryGet(tensor, out _);

    /// <summary>The dimensions of a tensor.</summary>
    public long[] Shape(string tensor) => [.. Weights[tensor].Shape];

    /// <summary>A tensor of the stored type and shape; it belongs to the current scope, or to the caller.</summary>
    public Tensor Load(string tensor) => Weights.Load(tensor);

    /// <summary>The values of a Float32 tensor, row-major.</summary>
    public float[] Floats(string tensor)
    {
        var entry = Weights[tensor];
        Assert.Equal(DType.Float32, entry.DType);
        return MemoryMarshal.Cast<byte, float>(entry.ReadBytes()).ToArray();
    }

    /// <summary>The values of a tensor of any real type as doubles (exact, except Int64 beyond 53 bits), row-major.</summary>
    public double[] Doubles(string tensor)
    {
        var entry = Weights[tensor];
        var bytes = entry.ReadBytes();
        return entry.DType switch
        {
            DType.Float64 => MemoryMarshal.Cast<byte, double>(bytes).ToArray(),
            DType.Float32 => Convert<float>(bytes, value => value),
            DType.Float16 => Convert<Half>(bytes, value => (double)value),
            DType.BFloat16 => Convert<ushort>(bytes, value => BitConverter.UInt32BitsToSingle((uint)value << 16)),
            DType.Int64 => Convert<long>(bytes, value => value),
            DType.Int32 => Convert<int>(bytes, value => value),
            DType.Int16 => Convert<short>(bytes, value => value),
            DType.Int8 => Convert<sbyte>(bytes, value => value),
            DType.UInt8 or DType.Bool => Convert<byte>(bytes, value => value),
            _ => throw new InvalidDataException($"{Name}: '{tensor}' is {entry.DType}, expected a real type"),
        };
    }

    /// <summary>The values of a tensor of any integer type, row-major.</summary>
    public long[] Integers(string tensor)
    {
        var entry = Weights[tensor];
        Assert.True(
            entry.DType is DType.Int64 or DType.Int32 or DType.Int16 or DType.Int8 or DType.UInt8 or DType.Bool,
            $"{Name}: '{tensor}' is {entry.DType}, expected an integer type");
        return entry.DType == DType.Int64
            ? MemoryMarshal.Cast<byte, long>(entry.ReadBytes()).ToArray()
            : [.. Doubles(tensor).Select(value => (long)value)];
    }

    /// <inheritdoc/>
    public void Dispose() => Weights.Dispose();

    private static double[] Convert<T>(byte[] bytes, Func<T, double> convert)
        where T : unmanaged
    {
        var values = MemoryMarshal.Cast<byte, T>(bytes);
        var result = new double[values.Length];
        for (var i = 0; i < result.Length; i++)
        {
            result[i] = convert(values[i]);
        }

        return result;
    }
}
