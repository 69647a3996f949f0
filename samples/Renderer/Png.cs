using System.Buffers.Binary;
using System.IO.Compression;

namespace Posterior.Samples;

/// <summary>Writes 8-bit RGB PNG files (ISO/IEC 15948), so that the samples do not depend on the code that will read them.</summary>
internal static class Png
{
    /// <summary>Writes a picture under a temporary name and renames it.</summary>
    public static void Write(string path, Picture picture)
    {
        var temporary = path + ".partial";
        using (var file = File.Create(temporary))
        {
            file.Write([0x89, (byte)'P', (byte)'N', (byte)'G', 0x0D, 0x0A, 0x1A, 0x0A]);
            var header = new byte[13];
            BinaryPrimitives.WriteInt32BigEndian(header, picture.Size);
            BinaryPrimitives.WriteInt32BigEndian(header.AsSpan(4), picture.Size);
            (header[8], header[9]) = (8, 2); // eight bits a channel, true colour
            WriteChunk(file, "IHDR"u8, header);
            WriteChunk(file, "sRGB"u8, [0]);
            WriteChunk(file, "IDAT"u8, Compress(picture.ToSrgb(), picture.Size * 3));
            WriteChunk(file, "IEND"u8, []);
        }

        File.Move(temporary, path, overwrite: true);
    }

    private static byte[] Compress(byte[] bytes, int stride)
    {
        using var memory = new MemoryStream();
        using (var zlib = new ZLibStream(memory, CompressionLevel.SmallestSize))
        {
            for (var start = 0; start < bytes.Length; start += stride)
            {
                // The usual heuristic: the filter whose residuals, read as signed bytes, have the smallest sum.
                var best = Enumerable.Range(0, 5).Select(filter => Filter(bytes, start, stride, filter))
                    .MinBy(line => line.Skip(1).Sum(value => Math.Abs((int)(sbyte)value)))!;
                zlib.Write(best);
            }
        }

        return memory.ToArray();
    }

    private static byte[] Filter(byte[] bytes, int start, int stride, int filter)
    {
        var line = new byte[stride + 1];
        line[0] = (byte)filter;
        for (var i = 0; i < stride; i++)
        {
            int left = i >= 3 ? bytes[start + i - 3] : 0;
            int up = start > 0 ? bytes[start + i - stride] : 0;
            int corner = start > 0 && i >= 3 ? bytes[start + i - stride - 3] : 0;
            var guess = filter switch { 0 => 0, 1 => left, 2 => up, 3 => (left + up) / 2, _ => Paeth(left, up, corner) };
            line[i + 1] = (byte)(bytes[start + i] - guess);
        }

        return line;
    }

    private static int Paeth(int left, int up, int corner)
    {
        var guess = left + up - corner;
        var (a, b, c) = (Math.Abs(guess - left), Math.Abs(guess - up), Math.Abs(guess - corner));
        return a <= b && a <= c ? left : b <= c ? up : corner;
    }

    private static void WriteChunk(FileStream file, ReadOnlySpan<byte> type, ReadOnlySpan<byte> data)
    {
        Span<byte> number = stackalloc byte[4];
        BinaryPrimitives.WriteInt32BigEndian(number, data.Length);
        file.Write(number);
        file.Write(type);
        file.Write(data);
        BinaryPrimitives.WriteUInt32BigEndian(number, ~Crc(Crc(uint.MaxValue, type), data));
        file.Write(number);
    }

    private static uint Crc(uint crc, ReadOnlySpan<byte> data)
    {
        foreach (var value in data)
        {
            crc ^= value;
            for (var bit = 0; bit < 8; bit++)
                crc = (crc >> 1) ^ ((crc & 1) * 0xEDB88320u);
        }

        return crc;
    }
}
