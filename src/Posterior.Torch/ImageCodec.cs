namespace Posterior.Torch;

/// <summary>
/// Image files in memory to pixels and back, through libvips. Only PNG, JPEG, TIFF and WebP are decoded, whatever a file is called;
/// loaders that libvips marks as unsafe for untrusted files are blocked.
/// </summary>
public static unsafe class ImageCodec
{
    /// <summary>The most pixels of an image that is decoded unless the caller says otherwise: 2^28, a square of 16384.</summary>
    public const long MostPixels = 1L << 28;

    /// <summary>The version of libvips; "none" where the bridge was built without it.</summary>
    public static string LibraryVersion => Native.Text(Native.pt_image_library());

    /// <summary>Decodes an image file.</summary>
    /// <param name="file">The bytes of the file.</param>
    /// <param name="mostPixels">Images of more pixels are refused before they are decoded.</param>
    /// <returns>
    /// The pixels <c>[H, W, C]</c>, C = 1 or 3, upright and in sRGB: UInt8 (0 to 255), Int32 (0 to 65535, of a 16-bit file) or Float32
    /// (as stored, or 0 to 1 where transparency was flattened); and what the file declared.
    /// </returns>
    /// <exception cref="TorchException">The bytes are none of the formats, damaged, truncated, too large, or of an unsupported kind.</exception>
    public static (Tensor Pixels, ImageInfo Info) Decode(ReadOnlySpan<byte> file, long mostPixels = MostPixels)
    {
        fixed (byte* data = file)
        {
            Native.Check(Native.pt_image_load(data, file.Length, mostPixels, out var info, out var pixels));
            return (new Tensor(pixels), new ImageInfo((ImageFormat)info.Format, info.Bits, info.Channels, info.Alpha != 0, info.Profile != 0, info.Orientation, info.Pages, info.Width, info.Height));
        }
    }

    /// <summary>Encodes pixels and hands the file's bytes to <paramref name="write"/>.</summary>
    /// <param name="pixels"><c>[H, W, 1 or 3]</c>: UInt8, Int32 (0 to 65535: a 16-bit file; PNG and TIFF) or Float32 (TIFF).</param>
    /// <param name="format">The format.</param>
    /// <param name="quality">1 to 100, or 0 for lossless, which JPEG does not have.</param>
    /// <param name="write">Receives the bytes, valid during the call.</param>
    /// <exception cref="TorchException">The shape, the type or the size does not suit the format.</exception>
    public static void Encode(Tensor pixels, ImageFormat format, int quality, Action<ReadOnlySpan<byte>> write)
    {
        byte* data = null;
        try
        {
            long bytes;
            try
            {
                Native.Check(Native.pt_image_save(pixels.Borrow(), (int)format, quality, out data, out bytes));
            }
            finally
            {
                pixels.DangerousRelease();
            }
            if (bytes > int.MaxValue) throw new TorchException($"the encoded image takes {bytes} bytes; files of more than 2 GiB are not written");
            write(new ReadOnlySpan<byte>(data, (int)bytes));
        }
        finally
        {
            Native.Check(Native.pt_image_free(data));
        }
    }

    /// <summary>Draws one line of text with the system's sans-serif font.</summary>
    /// <param name="text">The text; no markup.</param>
    /// <param name="size">The font's size in pixels.</param>
    /// <returns>The coverage of each pixel, 0 to 255, UInt8 <c>[H, W, 1]</c>, cropped to the ink.</returns>
    /// <exception cref="TorchException">There is nothing to draw, or no font.</exception>
    public static Tensor DrawText(string text, int size)
    {
        Native.Check(Native.pt_image_text(text, size, out var coverage));
        return new Tensor(coverage);
    }
}
