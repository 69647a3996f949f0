using System.Buffers.Binary;
using System.Globalization;
using System.Numerics;

namespace Posterior.Torch.Weights.Pickle;

/// <summary>Reads the arguments of pickle instructions, never beyond the end and never allocating more than the bytes that are there.</summary>
internal ref struct PickleReader(MappedFile file, ReadOnlySpan<byte> bytes)
{
    /// <summary>More digits than any number beside a tensor needs; converting decimal text takes quadratic time.</summary>
    private const int LongestNumber = 1024;

    private readonly ReadOnlySpan<byte> _bytes = bytes;

    /// <summary>The next byte to be read.</summary>
    public int Position { get; private set; }

    /// <summary>The exception for a fault at the current place.</summary>
    public readonly WeightFileException Error(string problem) => file.Error($"pickle, byte {Position}: {problem}");

    /// <summary>The next bytes.</summary>
    public ReadOnlySpan<byte> Take(ulong count)
    {
        var left = _bytes.Length - Position;
        if (count > (ulong)left)
            throw Error($"truncated: expected {count} more bytes, found {left}");
        var span = _bytes.Slice(Position, (int)count);
        Position += (int)count;
        return span;
    }

    /// <summary>One byte.</summary>
    public byte Byte() => Take(1)[0];

    /// <summary>A little-endian unsigned 16-bit number.</summary>
    public int UInt16() => BinaryPrimitives.ReadUInt16LittleEndian(Take(2));

    /// <summary>A little-endian signed 32-bit number.</summary>
    public int Int32() => BinaryPrimitives.ReadInt32LittleEndian(Take(4));

    /// <summary>A little-endian unsigned 32-bit number.</summary>
    public uint UInt32() => BinaryPrimitives.ReadUInt32LittleEndian(Take(4));

    /// <summary>A little-endian unsigned 64-bit number.</summary>
    public ulong UInt64() => BinaryPrimitives.ReadUInt64LittleEndian(Take(8));

    /// <summary>A big-endian double.</summary>
    public double Double() => BinaryPrimitives.ReadDoubleBigEndian(Take(8));

    /// <summary>A two's complement little-endian integer of so many bytes: a long where it fits, else a BigInteger.</summary>
    public object Integer(ulong count)
    {
        if (count > LongestNumber)
            throw Error($"expected an integer of at most {LongestNumber} bytes, found one of {count}");
        return Smallest(new BigInteger(Take(count)));
    }

    /// <summary>The bytes up to the next line feed, which is consumed.</summary>
    public ReadOnlySpan<byte> Line()
    {
        var length = _bytes[Position..].IndexOf((byte)'\n');
        if (length < 0)
            throw Error("truncated: expected a line feed");
        var line = _bytes.Slice(Position, length);
        Position += length + 1;
        return line;
    }

    /// <summary>A decimal integer on its own line: a long where it fits, else a BigInteger; <c>00</c> and <c>01</c> are the old booleans.</summary>
    public object DecimalLine(bool allowBooleans)
    {
        var line = Line();
        if (allowBooleans && line.SequenceEqual("00"u8))
            return false;
        if (allowBooleans && line.SequenceEqual("01"u8))
            return true;
        if (line is [.. var digits, (byte)'L'])
            line = digits;
        var text = PickleText.Ascii(line.Length <= LongestNumber ? line : []);
        if (!BigInteger.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var value))
            throw Error("expected a decimal integer");
        return Smallest(value);
    }

    /// <summary>A floating-point number on its own line.</summary>
    public double DoubleLine()
    {
        var line = Line();
        var text = PickleText.Ascii(line.Length <= LongestNumber ? line : []);
        return text switch
        {
            "nan" => double.NaN,
            "inf" => double.PositiveInfinity,
            "-inf" => double.NegativeInfinity,
            _ when double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var value) => value,
            _ => throw Error("expected a number"),
        };
    }

    /// <summary>A memo index on its own line.</summary>
    public long IndexLine() => DecimalLine(allowBooleans: false) is long index and >= 0 ? index : throw Error("expected a memo index");

    /// <summary>UTF-8 text.</summary>
    public string Utf8(ulong count) => PickleText.TryUtf8(Take(count), out var text) ? text : throw Error("expected UTF-8 text");

    /// <summary>A string of Python 2, which has no encoding: UTF-8 where it is valid, else Latin-1.</summary>
    public string ByteString(ulong count)
    {
        var raw = Take(count);
        return PickleText.TryUtf8(raw, out var text) ? text : PickleText.Latin1(raw);
    }

    /// <summary>A length that the format stores as a signed 32-bit number.</summary>
    public ulong SignedLength() => Int32() is var length and >= 0 ? (ulong)length : throw Error("expected a length, found a negative number");

    private static object Smallest(BigInteger value)
        => value >= long.MinValue && value <= long.MaxValue ? (object)(long)value : value;
}
