using System.Buffers.Binary;

namespace Posterior.Tests.Imaging;

/// <summary>Uncompressed little-endian TIFF files of one strip (TIFF 6.0).</summary>
internal static class TiffBuilder
{
    /// <param name="width">Pixels of a row.</param>
    /// <param name="height">Rows.</param>
    /// <param name="channels">Samples of a pixel.</param>
    /// <param name="bits">Bits of a sample.</param>
    /// <param name="photometric">1 grey, 2 RGB, 5 CMYK.</param>
    /// <param name="sampleFormat">1 unsigned, 2 signed, 3 floating point.</param>
    /// <param name="data">The samples.</param>
    public static byte[] Build(int width, int height, int channels, int bits, int photometric, int sampleFormat, byte[] data)
    {
        (ushort Tag, uint Value)[] fields =
        [
            (256, (uint)width), (257, (uint)height), (258, 0), (259, 1), (262, (uint)photometric), (273, 8), (277, (uint)channels), (278, (uint)height), (279, (uint)data.Length), (284, 1), (339, 0),
        ];
        var directory = 8 + (data.Length + 1) / 2 * 2;
        var bitsAt = directory + 2 + 12 * fields.Length + 4;
        var formatAt = bitsAt + 2 * channels;
        var file = new byte[formatAt + 2 * channels];
        "II*\0"u8.CopyTo(file);
        BinaryPrimitives.WriteInt32LittleEndian(file.AsSpan(4), directory);
        data.CopyTo(file, 8);
        BinaryPrimitives.WriteUInt16LittleEndian(file.AsSpan(directory), (ushort)fields.Length);
        for (var i = 0; i < fields.Length; i++)
        {
            var at = file.AsSpan(directory + 2 + 12 * i);
            var perChannel = fields[i].Tag is 258 or 339;
            BinaryPrimitives.WriteUInt16LittleEndian(at, fields[i].Tag);
            BinaryPrimitives.WriteUInt16LittleEndian(at[2..], perChannel ? (ushort)3 : (ushort)4);
            BinaryPrimitives.WriteInt32LittleEndian(at[4..], perChannel ? channels : 1);
            // Up to two short values stand in the field itself.
            var value = !perChannel ? fields[i].Value
                : channels <= 2 ? (uint)(fields[i].Tag == 258 ? bits : sampleFormat) * (channels == 2 ? 0x10001u : 1u)
                : (uint)(fields[i].Tag == 258 ? bitsAt : formatAt);
            BinaryPrimitives.WriteUInt32LittleEndian(at[8..], value);
        }
        for (var c = 0; c < channels; c++)
        {
            BinaryPrimitives.WriteUInt16LittleEndian(file.AsSpan(bitsAt + 2 * c), (ushort)bits);
            BinaryPrimitives.WriteUInt16LittleEndian(file.AsSpan(formatAt + 2 * c), (ushort)sampleFormat);
        }
        return file;
    }
}
