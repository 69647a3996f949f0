using System.Buffers.Binary;
using System.Text;
using System.Text.Unicode;

namespace Posterior.Torch.Weights.Containers;

/// <summary>One record of a zip archive.</summary>
/// <param name="Name">The full name, folders included.</param>
/// <param name="Deflated">Whether the data are compressed.</param>
/// <param name="DataOffset">The first byte of the data in the file.</param>
/// <param name="StoredLength">Bytes in the file.</param>
/// <param name="Length">Bytes when unpacked, as declared.</param>
/// <param name="Crc">CRC-32 of the unpacked bytes.</param>
internal sealed record ZipRecord(string Name, bool Deflated, long DataOffset, long StoredLength, long Length, uint Crc);

/// <summary>
/// Reads the directory of a zip archive (PKWARE APPNOTE 6.3, with the 64-bit extension), as far as PyTorch's files need it: records stored or
/// deflated, without encryption or several volumes. Every position is checked against the file, and local headers against the directory.
/// </summary>
internal sealed class ZipDirectory
{
    private const uint EndSignature = 0x06054b50;
    private const uint End64Signature = 0x06064b50;
    private const uint Locator64Signature = 0x07064b50;
    private const uint EntrySignature = 0x02014b50;
    private const uint LocalSignature = 0x04034b50;
    private const int EndSize = 22;
    private const int End64Size = 56;
    private const int Locator64Size = 20;
    private const int EntrySize = 46;
    private const int LocalSize = 30;
    private const int LongestComment = ushort.MaxValue;

    private readonly MappedFile _file;
    private readonly Dictionary<string, ZipRecord> _records = new(StringComparer.Ordinal);

    private ZipDirectory(MappedFile file) => _file = file;

    /// <summary>All records by name.</summary>
    public IReadOnlyDictionary<string, ZipRecord> Records => _records;

    /// <summary>Reads the directory; no record data are touched.</summary>
    /// <exception cref="WeightFileException">
    /// The archive is truncated, damaged, encrypted, split, or unpacks out of proportion to its size.
    /// </exception>
    public static ZipDirectory Read(MappedFile file)
    {
        var directory = new ZipDirectory(file);
        var (start, size, count) = directory.FindDirectory();
        directory.ReadEntries(start, size, count);
        directory.CheckProportion();
        return directory;
    }

    private (long Start, long Size, long Count) FindDirectory()
    {
        var tailLength = (int)Math.Min(_file.Length, EndSize + LongestComment);
        var tail = _file.Span(_file.Length - tailLength, tailLength);
        for (var at = tailLength - EndSize; at >= 0; at--)
        {
            var end = tail[at..];
            if (U32(end) != EndSignature || U16(end[20..]) != end.Length - EndSize)
                continue;
            var position = _file.Length - tailLength + at;
            if (U16(end[4..]) is not (0 or 0xffff) || U16(end[6..]) is not (0 or 0xffff))
                throw _file.Error("zip archive of several volumes, expected one");
            long count = U16(end[10..]);
            long size = U32(end[12..]);
            long start = U32(end[16..]);
            if (count == ushort.MaxValue || size == uint.MaxValue || start == uint.MaxValue)
                (start, size, count, position) = FindDirectory64(position) ?? (start, size, count, position);
            if (start < 0 || size < 0 || start > position - size)
                throw _file.Error($"zip archive is damaged: its directory of {size} bytes at {start} does not lie before {position}");
            return (start, size, count);
        }

        throw _file.Error("zip archive without a directory at its end: the file is truncated");
    }

    private (long Start, long Size, long Count, long Position)? FindDirectory64(long end)
    {
        if (end < Locator64Size + End64Size)
            return null;
        var locator = _file.Span(end - Locator64Size, Locator64Size);
        if (U32(locator) != Locator64Signature)
            return null;
        var position = I64(locator[8..]);
        if (position < 0 || position > end - Locator64Size - End64Size || U32(_file.Span(position, End64Size)) != End64Signature)
            throw _file.Error("zip archive is damaged: its 64-bit directory end is not where it should be");
        var record = _file.Span(position, End64Size);
        return (I64(record[48..]), I64(record[40..]), I64(record[32..]), position);
    }

    private void ReadEntries(long start, long size, long count)
    {
        var position = start;
        var end = start + size;
        for (long i = 0; i < count; i++)
        {
            if (end - position < EntrySize)
                throw _file.Error($"zip archive is damaged: expected {count} records in its directory, found {i}");
            var entry = _file.Span(position, EntrySize);
            if (U32(entry) != EntrySignature)
                throw _file.Error($"zip archive is damaged: record {i} of its directory has no signature");
            int nameLength = U16(entry[28..]), extraLength = U16(entry[30..]), commentLength = U16(entry[32..]);
            if (end - position < EntrySize + nameLength + extraLength + commentLength)
                throw _file.Error($"zip archive is damaged: record {i} leaves its directory");
            var name = _file.Span(position + EntrySize, nameLength);
            var extra = _file.Span(position + EntrySize + nameLength, extraLength);
            Add(entry, name, extra);
            position += EntrySize + nameLength + extraLength + commentLength;
        }

        if (position != end)
            throw _file.Error($"zip archive is damaged: {end - position} bytes follow the {count} records of its directory");
    }

    private void Add(ReadOnlySpan<byte> entry, ReadOnlySpan<byte> rawName, ReadOnlySpan<byte> extra)
    {
        if (!Utf8.IsValid(rawName))
            throw _file.Error("zip archive holds a record whose name is not UTF-8");
        var name = Encoding.UTF8.GetString(rawName);
        int flags = U16(entry[8..]), method = U16(entry[10..]);
        if ((flags & 1) != 0)
            throw _file.Error($"record '{name}' is encrypted");
        if (method is not (0 or 8))
            throw _file.Error($"record '{name}' is compressed with zip method {method}, expected 0 (stored) or 8 (deflate)");
        long stored = U32(entry[20..]), length = U32(entry[24..]), local = U32(entry[42..]);
        Read64(name, extra, ref length, ref stored, ref local);
        if (method == 0 && stored != length)
            throw _file.Error($"record '{name}' is stored, yet its two lengths differ: {stored} and {length}");
        var data = DataOffset(name, rawName, local);
        if (stored < 0 || length < 0 || stored > _file.Length - data)
            throw _file.Error($"record '{name}' of {stored} bytes at {data} does not lie in the file of {_file.Length}");
        if (!_records.TryAdd(name, new ZipRecord(name, method == 8, data, stored, length, U32(entry[16..]))))
            throw _file.Error($"zip archive holds the record '{name}' twice");
    }

    /// <summary>The 64-bit extension gives, in this order, each value whose 32-bit field is all ones.</summary>
    private void Read64(string name, ReadOnlySpan<byte> extra, ref long length, ref long stored, ref long local)
    {
        if (length != uint.MaxValue && stored != uint.MaxValue && local != uint.MaxValue)
            return;
        while (extra.Length >= 4)
        {
            int id = U16(extra), size = U16(extra[2..]);
            if (size > extra.Length - 4)
                break;
            var field = extra.Slice(4, size);
            extra = extra[(4 + size)..];
            if (id != 1)
                continue;
            if (Take(ref field, ref length) && Take(ref field, ref stored) && Take(ref field, ref local))
                return;
            break;
        }

        throw _file.Error($"record '{name}' lacks its 64-bit lengths");
    }

    private static bool Take(ref ReadOnlySpan<byte> field, ref long value)
    {
        if (value != uint.MaxValue)
            return true;
        if (field.Length < 8)
            return false;
        value = I64(field);
        field = field[8..];
        return true;
    }

    private long DataOffset(string name, ReadOnlySpan<byte> rawName, long local)
    {
        if (local < 0 || local > _file.Length - LocalSize)
            throw _file.Error($"record '{name}' starts at {local}, the file has {_file.Length} bytes");
        var header = _file.Span(local, LocalSize);
        if (U32(header) != LocalSignature)
            throw _file.Error($"record '{name}' has no header at {local}");
        int nameLength = U16(header[26..]), extraLength = U16(header[28..]);
        var data = local + LocalSize + nameLength + extraLength;
        if (data > _file.Length || nameLength != rawName.Length || !_file.Span(local + LocalSize, nameLength).SequenceEqual(rawName))
            throw _file.Error($"record '{name}' has another name in its own header");
        return data;
    }

    /// <summary>PyTorch does not compress, so a file that unpacks to many times its size is a trap and not a checkpoint.</summary>
    private void CheckProportion()
    {
        UInt128 unpacked = 0;
        foreach (var record in _records.Values)
        {
            unpacked += (UInt128)record.Length;
        }

        var limit = SizeLimit.For(_file);
        if (unpacked > (UInt128)limit)
            throw _file.Error($"unpacks to {unpacked} bytes, out of proportion to its {_file.Length} bytes (limit {limit})");
    }

    private static ushort U16(ReadOnlySpan<byte> bytes) => BinaryPrimitives.ReadUInt16LittleEndian(bytes);

    private static uint U32(ReadOnlySpan<byte> bytes) => BinaryPrimitives.ReadUInt32LittleEndian(bytes);

    private static long I64(ReadOnlySpan<byte> bytes) => BinaryPrimitives.ReadInt64LittleEndian(bytes);
}
