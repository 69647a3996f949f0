using System.Buffers.Binary;
using System.IO.Compression;

namespace Posterior.Tests.Imaging;

/// <summary>PNG files of any kind, byte by byte (PNG specification, third edition).</summary>
internal static class PngBuilder
{
    public const byte Grey = 0, Colour = 2, Palette = 3, GreyAlpha = 4, ColourAlpha = 6;

    /// <summary>A file with unfiltered rows.</summary>
    /// <param name="width">Declared width.</param>
    /// <param name="height">Declared height.</param>
    /// <param name="bits">Bits of a sample.</param>
    /// <param name="kind">The colour type.</param>
    /// <param name="samples">All rows' packed bytes, without the filter bytes.</param>
    /// <param name="rowBytes">The bytes of a row.</param>
    /// <param name="extra">Chunks between IHDR and IDAT.</param>
    public static byte[] Build(int width, int height, byte bits, byte kind, byte[] samples, int rowBytes, params (string Type, byte[] Data)[] extra)
    {
        using var file = new MemoryStream();
        file.Write([0x89, .. "PNG\r\n"u8, 0x1A, 0x0A]);
        var header = new byte[13];
        BinaryPrimitives.WriteInt32BigEndian(header, width);
        BinaryPrimitives.WriteInt32BigEndian(header.AsSpan(4), height);
        (header[8], header[9]) = (bits, kind);
        Chunk(file, "IHDR", header);
        foreach (var (type, data) in extra) Chunk(file, type, data);
        using var rows = new MemoryStream();
        for (var start = 0; start < samples.Length; start += rowBytes)
        {
            rows.WriteByte(0);
            rows.Write(samples, start, rowBytes);
        }
        Chunk(file, "IDAT", Deflate(rows.ToArray()));
        Chunk(file, "IEND", []);
        return file.ToArray();
    }

    public static byte[] Deflate(byte[] data)
    {
        using var packed = new MemoryStream();
        using (var zlib = new ZLibStream(packed, CompressionLevel.Optimal)) zlib.Write(data);
        return packed.ToArray();
    }

    private static void Chunk(MemoryStream file, string type, byte[] data)
    {
        Span<byte> number = stackalloc byte[4];
        BinaryPrimitives.WriteInt32BigEndian(number, data.Length);
        file.Write(number);
        byte[] body = [.. System.Text.Encoding.ASCII.GetBytes(type), .. data];
        file.Write(body);
        BinaryPrimitives.WriteUInt32BigEndian(number, Crc(body));
        file.Write(number);
    }

    private static uint Crc(byte[] data)
    {
        var crc = uint.MaxValue;
        foreach (var value in data)
        {
            crc ^= value;
            for (var bit = 0; bit < 8; bit++) crc = (crc >> 1) ^ ((crc & 1) * 0xEDB88320);
        }
        return ~crc;
    }
}
