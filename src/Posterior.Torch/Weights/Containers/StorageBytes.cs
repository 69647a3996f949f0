using System.IO.Compression;
using System.Runtime.InteropServices;

namespace Posterior.Torch.Weights.Containers;

/// <summary>The raw bytes of one storage; they are checked or unpacked when they are first touched.</summary>
internal abstract unsafe class StorageBytes
{
    /// <summary>Bytes in the storage.</summary>
    public abstract long Length { get; }

    /// <summary>The first byte. Valid until the file is closed.</summary>
    /// <exception cref="WeightFileException">The record is damaged.</exception>
    public abstract byte* Start();
}

/// <summary>A storage that lies in the file as it is.</summary>
/// <param name="file">The mapped file.</param>
/// <param name="name">The record, for messages.</param>
/// <param name="offset">Its first byte in the file.</param>
/// <param name="length">Its length.</param>
/// <param name="crc">Its CRC-32; zero where the writer left it out, as PyTorch can be told to.</param>
internal sealed unsafe class MappedStorage(MappedFile file, string name, long offset, long length, uint crc) : StorageBytes
{
    private volatile bool _checked = crc == 0;

    /// <inheritdoc/>
    public override long Length => length;

    /// <inheritdoc/>
    public override byte* Start()
    {
        var start = file.Pointer(offset, length);
        if (!_checked)
        {
            var found = Crc32.Of(start, length);
            if (found != crc)
                throw file.Error($"record '{name}' is damaged: expected CRC-32 {crc:x8}, found {found:x8}");
            _checked = true;
        }

        return start;
    }
}

/// <summary>A storage that is compressed in the file. It is unpacked once, into exactly the declared number of bytes.</summary>
/// <param name="file">The mapped file.</param>
/// <param name="name">The record, for messages.</param>
/// <param name="offset">Its first byte in the file.</param>
/// <param name="compressed">Its length in the file.</param>
/// <param name="length">Its length when unpacked, as declared.</param>
/// <param name="crc">Its CRC-32; zero where the writer left it out.</param>
internal sealed unsafe class DeflatedStorage(MappedFile file, string name, long offset, long compressed, long length, uint crc)
    : StorageBytes, IDisposable
{
    private readonly Lock _lock = new();
    private byte* _unpacked;

    /// <inheritdoc/>
    public override long Length => length;

    /// <inheritdoc/>
    public override byte* Start()
    {
        lock (_lock)
        {
            if (_unpacked is null)
                Unpack();
            return _unpacked;
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        lock (_lock)
        {
            NativeMemory.Free(_unpacked);
            _unpacked = null;
        }
    }

    private void Unpack()
    {
        var source = file.Pointer(offset, compressed);
        var memory = (byte*)NativeMemory.Alloc((nuint)Math.Max(length, 1));
        try
        {
            using var stream = new DeflateStream(new UnmanagedMemoryStream(source, compressed), CompressionMode.Decompress);
            long filled = 0;
            while (filled < length)
            {
                var read = stream.Read(new Span<byte>(memory + filled, (int)Math.Min(length - filled, 1 << 20)));
                if (read == 0)
                    throw file.Error($"record '{name}' is damaged: expected {length} bytes, found {filled}");
                filled += read;
            }

            if (stream.ReadByte() >= 0)
                throw file.Error($"record '{name}' is damaged: it unpacks to more than the declared {length} bytes");
            var found = Crc32.Of(memory, length);
            if (crc != 0 && found != crc)
                throw file.Error($"record '{name}' is damaged: expected CRC-32 {crc:x8}, found {found:x8}");
            _unpacked = memory;
        }
        catch (Exception failure)
        {
            NativeMemory.Free(memory);
            if (failure is InvalidDataException)
                throw new WeightFileException(file.FilePath, $"record '{name}' is damaged: {failure.Message}", failure);
            throw;
        }
    }
}

/// <summary>The values of a tensor that views a storage.</summary>
/// <param name="storage">The storage.</param>
/// <param name="byteOffset">First byte of the part of the storage that the view counts from.</param>
/// <param name="view">Offset, sizes and strides; already checked against the storage.</param>
/// <param name="elementSize">Bytes of an element.</param>
internal sealed unsafe class ViewBytes(StorageBytes storage, long byteOffset, StridedView view, int elementSize) : EntryBytes
{
    /// <inheritdoc/>
    public override void CopyTo(byte* destination)
    {
        view.CopyTo(storage.Start() + byteOffset, elementSize, destination);

        // The pointer alone does not keep the storage's memory from being collected while it is read.
        GC.KeepAlive(storage);
    }
}
