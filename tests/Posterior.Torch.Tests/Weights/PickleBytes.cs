using System.Buffers.Binary;
using System.IO.Compression;
using System.Text;

namespace Posterior.Torch.Tests.Weights;

/// <summary>Writes pickles instruction by instruction, well-formed or not, and wraps them as PyTorch does.</summary>
internal sealed class PickleBytes
{
    private readonly MemoryStream _bytes = new();

    public static PickleBytes Protocol2 => new PickleBytes().Raw(0x80, 2);

    public PickleBytes Raw(params ReadOnlySpan<byte> bytes)
    {
        _bytes.Write(bytes);
        return this;
    }

    /// <summary>Instructions written as their characters.</summary>
    public PickleBytes Ops(string characters) => Raw(Encoding.Latin1.GetBytes(characters));

    public PickleBytes Text(string text)
    {
        var utf8 = Encoding.UTF8.GetBytes(text);
        var length = new byte[4];
        BinaryPrimitives.WriteInt32LittleEndian(length, utf8.Length);
        return Ops("X").Raw(length).Raw(utf8);
    }

    public PickleBytes Int(int value)
    {
        var raw = new byte[4];
        BinaryPrimitives.WriteInt32LittleEndian(raw, value);
        return Ops("J").Raw(raw);
    }

    public PickleBytes Global(string module, string name) => Ops($"c{module}\n{name}\n");

    public PickleBytes Ints(params int[] values)
    {
        Ops("(");
        foreach (var value in values)
        {
            Int(value);
        }

        return Ops("t");
    }

    /// <summary>A persistent id of a storage.</summary>
    public PickleBytes Storage(string storageClass, string key, int elements)
        => Ops("(").Text("storage").Global("torch", storageClass).Text(key).Text("cpu").Int(elements).Ops("tQ");

    /// <summary>A tensor over a storage: pushes one value.</summary>
    public PickleBytes Tensor(string storageClass, string key, int elements, int offset, int[] shape, int[] strides)
        => Global("torch._utils", "_rebuild_tensor_v2").Ops("(").Storage(storageClass, key, elements).Int(offset).Ints(shape).Ints(strides)
            .Raw(0x89).Global("collections", "OrderedDict").Ops(")RtR");

    public byte[] ToArray() => _bytes.ToArray();

    /// <summary>The pickle, ended with STOP, as the data.pkl of a zip container with storages.</summary>
    public string Save(TemporaryFolder folder, params (string Key, byte[] Bytes)[] storages)
        => SaveZip(folder, [("archive/data.pkl", Ops(".").ToArray()), .. storages.Select(storage => ($"archive/data/{storage.Key}", storage.Bytes))]);

    public static string SaveZip(
        TemporaryFolder folder, IEnumerable<(string Name, byte[] Bytes)> records, CompressionLevel level = CompressionLevel.NoCompression)
    {
        var path = folder.File("checkpoint.pt");
        using var zip = new ZipArchive(File.Create(path), ZipArchiveMode.Create);
        foreach (var (name, bytes) in records)
        {
            using var stream = zip.CreateEntry(name, level).Open();
            stream.Write(bytes);
        }

        return path;
    }
}
