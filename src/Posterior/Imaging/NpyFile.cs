using System.Globalization;
using System.Runtime.InteropServices;
using Posterior.Torch;

namespace Posterior.Imaging;

/// <summary>
/// NumPy's array files (<c>.npy</c>, NEP 1, versions 1 to 3) for raw measurements, kernels and masks. The header is parsed strictly and never
/// evaluated; arrays of Python objects are refused. Values are returned as they are, NaN and infinities included: the caller judges them.
/// </summary>
public static class NpyFile
{
    private const long MostHeaderBytes = 1 << 16;

    /// <summary>Reads an array.</summary>
    /// <returns>
    /// A tensor of the array's shape on the CPU, row-major whatever the order of the file. Types keep their kind and size; unsigned integers that tensors do
    /// not have become the next larger signed type (u2: Int32, u4: Int64).
    /// </returns>
    /// <exception cref="ImageException">The file is missing, truncated, longer than its shape says, or holds another type; the message says which.</exception>
    public static Tensor Read(string path)
    {
        try
        {
            if (Directory.Exists(path)) throw new ImageException($"array '{path}' is a folder, not a file");
            if (SpecialFile.MayBe(path)) throw new ImageException($"array '{path}' is empty (0 bytes) or not a regular file");
            if (!File.Exists(path)) throw new ImageException($"array '{path}' does not exist");
            using var stream = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read);
            var header = NpyHeader.Parse(ReadHeader(stream, path), path);
            var expected = header.Bytes;
            var found = stream.Length - stream.Position;
            if (found != expected)
            {
                throw new ImageException(string.Create(CultureInfo.InvariantCulture,
                    $"array '{path}' is {(found < expected ? "truncated" : "longer than its header says")}: a shape of {header.ShapeText} of '{header.Description}' takes {expected} bytes, found {found}"));
            }
            if (expected > int.MaxValue - 64) throw new ImageException(string.Create(CultureInfo.InvariantCulture, $"array '{path}' is too large: {expected} bytes, the limit is 2 GiB"));
            var data = new byte[expected];
            stream.ReadExactly(data);
            return header.ToTensor(data);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new ImageException($"array '{path}' cannot be read: {error.Message.Split('\n')[0].TrimEnd('.', ' ')}", error);
        }
    }

    /// <summary>Writes an array in row-major order, little-endian, version 1. The file appears complete or not at all.</summary>
    /// <exception cref="ImageException">The type has no counterpart in NumPy (BFloat16), or the file cannot be written.</exception>
    public static void Write(string path, Tensor tensor)
    {
        var description = NpyHeader.Describe(tensor.DType) ?? throw new ImageException($"cannot write '{path}': NumPy has no type for {tensor.DType}");
        using var scope = new Scope();
        var source = tensor.To(Device.Cpu).Contiguous();
        var data = new byte[checked(source.Count * source.DType.ElementSize())];
        source.CopyTo<byte>(data);
        AtomicFile.Write(path, stream =>
        {
            stream.Write(NpyHeader.Format(description, tensor.Shape));
            stream.Write(data);
        });
    }

    private static byte[] ReadHeader(FileStream stream, string path)
    {
        Span<byte> start = stackalloc byte[8];
        if (stream.ReadAtLeast(start, 8, throwOnEndOfStream: false) < 8 || start[0] != 0x93 || !start[1..6].SequenceEqual("NUMPY"u8))
            throw new ImageException($"array '{path}' is not a NumPy file: it does not begin with \\x93NUMPY");
        var version = start[6];
        if (version is < 1 or > 3) throw new ImageException($"array '{path}' is of NumPy format version {version}.{start[7]}; 1 to 3 are known");
        Span<byte> field = stackalloc byte[version == 1 ? 2 : 4];
        if (stream.ReadAtLeast(field, field.Length, throwOnEndOfStream: false) < field.Length) throw new ImageException($"array '{path}' is truncated in its header");
        long length = version == 1 ? MemoryMarshal.Read<ushort>(field) : MemoryMarshal.Read<uint>(field);
        if (length > MostHeaderBytes) throw new ImageException(string.Create(CultureInfo.InvariantCulture, $"array '{path}' declares a header of {length} bytes, the limit is {MostHeaderBytes}"));
        var header = new byte[length];
        if (stream.ReadAtLeast(header, header.Length, throwOnEndOfStream: false) < header.Length) throw new ImageException($"array '{path}' is truncated in its header");
        return header;
    }
}
