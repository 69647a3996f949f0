namespace Posterior.Torch.Weights.Containers;

/// <summary>CRC-32 as zip uses it (polynomial 0xEDB88320, reflected), eight bytes at a time by table.</summary>
internal static class Crc32
{
    private static readonly uint[] _tables = Tables();

    /// <summary>The checksum of bytes that may be more than a span can hold.</summary>
    public static unsafe uint Of(byte* bytes, long count)
    {
        var crc = uint.MaxValue;
        fixed (uint* t = _tables)
        {
            for (; count >= 8; count -= 8, bytes += 8)
            {
                var low = *(uint*)bytes ^ crc;
                var high = *(uint*)(bytes + 4);
                crc = t[0x700 + (low & 0xff)] ^ t[0x600 + (low >> 8 & 0xff)] ^ t[0x500 + (low >> 16 & 0xff)] ^ t[0x400 + (low >> 24)]
                    ^ t[0x300 + (high & 0xff)] ^ t[0x200 + (high >> 8 & 0xff)] ^ t[0x100 + (high >> 16 & 0xff)] ^ t[high >> 24];
            }

            for (; count > 0; count--, bytes++)
            {
                crc = t[(crc ^ *bytes) & 0xff] ^ crc >> 8;
            }
        }

        return ~crc;
    }

    /// <summary>Table k holds the effect of a byte that is followed by k zero bytes.</summary>
    private static uint[] Tables()
    {
        var tables = new uint[8 * 256];
        for (uint value = 0; value < 256; value++)
        {
            var crc = value;
            for (var bit = 0; bit < 8; bit++)
            {
                crc = (crc & 1) != 0 ? crc >> 1 ^ 0xEDB88320u : crc >> 1;
            }

            tables[value] = crc;
        }

        for (var i = 256; i < tables.Length; i++)
        {
            tables[i] = tables[tables[i - 256] & 0xff] ^ tables[i - 256] >> 8;
        }

        return tables;
    }
}
