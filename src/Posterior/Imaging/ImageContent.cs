using System.Text;

namespace Posterior.Imaging;

/// <summary>Recognises files by their first bytes: the image formats, and for error messages what else a file may be.</summary>
internal static class ImageContent
{
    private static readonly byte[] _png = [0x89, .. "PNG\r\n"u8, 0x1A, 0x0A], _jpeg = [0xFF, 0xD8, 0xFF];

    private static readonly (byte[] Magic, int Offset, string Name)[] _known =
    [
        ("GIF8"u8.ToArray(), 0, "GIF"), ("BM"u8.ToArray(), 0, "BMP"), ("%PDF"u8.ToArray(), 0, "PDF"), ("%!PS"u8.ToArray(), 0, "PostScript"),
        ("PK\u0003\u0004"u8.ToArray(), 0, "a zip archive"), ([0x1F, 0x8B], 0, "gzip data"), ("ftyp"u8.ToArray(), 4, "HEIF, AVIF or a video"),
        ([0x93, .. "NUMPY"u8], 0, "a NumPy array"), ([0x7F, .. "ELF"u8], 0, "a program"), ("8BPS"u8.ToArray(), 0, "Photoshop"), ([0xFF, 0x0A], 0, "JPEG XL"),
        ([0, 0, 0, 0x0C, .. "JXL "u8], 0, "JPEG XL"), ([0, 0, 0, 0x0C, .. "jP  "u8], 0, "JPEG 2000"), ("#?RADIANCE"u8.ToArray(), 0, "Radiance HDR"), ([0x76, 0x2F, 0x31, 0x01], 0, "OpenEXR"),
    ];

    /// <summary>Whether the bytes begin like one of the formats that are decoded (the bridge looks for the same beginnings).</summary>
    public static bool IsImage(ReadOnlySpan<byte> file) =>
        file.StartsWith(_png) || file.StartsWith(_jpeg) || file.StartsWith("II*\0"u8) || file.StartsWith("MM\0*"u8) ||
        file.StartsWith("II+\0"u8) || file.StartsWith("MM\0+"u8) || (file.StartsWith("RIFF"u8) && file.Length >= 12 && file[8..12].SequenceEqual("WEBP"u8));

    /// <summary>The kind of content, such as "PDF" or "HTML text"; "unknown data" when nothing is recognised.</summary>
    public static string Describe(ReadOnlySpan<byte> file)
    {
        foreach (var (magic, offset, name) in _known)
            if (file.Length >= offset + magic.Length && file.Slice(offset, magic.Length).SequenceEqual(magic)) return name;
        var head = file[..Math.Min(file.Length, 512)];
        if (head.ContainsAnyInRange((byte)0, (byte)8) || head.ContainsAnyInRange((byte)14, (byte)26)) return "unknown data";
        var text = Encoding.Latin1.GetString(head);
        return text switch
        {
            _ when text.Contains("<svg", StringComparison.OrdinalIgnoreCase) => "SVG",
            _ when text.Contains("<html", StringComparison.OrdinalIgnoreCase) || text.Contains("<!doctype", StringComparison.OrdinalIgnoreCase) => "HTML text",
            _ when text.Contains("<?xml", StringComparison.OrdinalIgnoreCase) => "XML text",
            _ => "text",
        };
    }
}
