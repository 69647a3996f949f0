using System.Buffers.Binary;
using System.Text;

namespace Posterior.Tests.Imaging;

/// <summary>A display profile with the primaries of sRGB and a pure power as its curve (ICC.1:2001-04, version 2).</summary>
internal static class ProfileBuilder
{
    public static byte[] Build(string description, double gamma)
    {
        var desc = new byte[12 + description.Length + 1 + 78];
        "desc"u8.CopyTo(desc);
        BinaryPrimitives.WriteInt32BigEndian(desc.AsSpan(8), description.Length + 1);
        Encoding.ASCII.GetBytes(description).CopyTo(desc, 12);
        byte[] curve = [.. "curv"u8, 0, 0, 0, 0, 0, 0, 0, 1, (byte)(int)gamma, (byte)((gamma - (int)gamma) * 256), 0, 0];
        (string Tag, byte[] Data)[] tags =
        [
            ("desc", desc), ("cprt", [.. "text"u8, 0, 0, 0, 0, (byte)'-', 0, 0, 0]), ("wtpt", Xyz(0.9642, 1, 0.8249)),
            ("rXYZ", Xyz(0.4360, 0.2225, 0.0139)), ("gXYZ", Xyz(0.3851, 0.7169, 0.0971)), ("bXYZ", Xyz(0.1431, 0.0606, 0.7141)),
            ("rTRC", curve), ("gTRC", curve), ("bTRC", curve),
        ];
        using var body = new MemoryStream();
        var table = new byte[4 + 12 * tags.Length];
        BinaryPrimitives.WriteInt32BigEndian(table, tags.Length);
        for (var i = 0; i < tags.Length; i++)
        {
            var entry = table.AsSpan(4 + 12 * i);
            Encoding.ASCII.GetBytes(tags[i].Tag).CopyTo(entry);
            BinaryPrimitives.WriteInt32BigEndian(entry[4..], 128 + table.Length + (int)body.Length);
            BinaryPrimitives.WriteInt32BigEndian(entry[8..], tags[i].Data.Length);
            body.Write(tags[i].Data);
            while (body.Length % 4 != 0) body.WriteByte(0);
        }
        var header = new byte[128];
        BinaryPrimitives.WriteInt32BigEndian(header, 128 + table.Length + (int)body.Length);
        header[8] = 2;
        "mntrRGB XYZ "u8.CopyTo(header.AsSpan(12));
        "acsp"u8.CopyTo(header.AsSpan(36));
        Xyz(0.9642, 1, 0.8249).AsSpan(8).CopyTo(header.AsSpan(68));
        return [.. header, .. table, .. body.ToArray()];
    }

    private static byte[] Xyz(params double[] values)
    {
        var data = new byte[20];
        "XYZ "u8.CopyTo(data);
        for (var i = 0; i < 3; i++) BinaryPrimitives.WriteInt32BigEndian(data.AsSpan(8 + 4 * i), (int)Math.Round(values[i] * 65536));
        return data;
    }
}
