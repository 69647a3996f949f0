using System.Runtime.InteropServices;

namespace Posterior.Torch;

internal static unsafe partial class Native
{
    // A library of its own: libvips and the hundred libraries it needs are loaded with the first image file.
    private const string ImagesLibrary = "posterior_images";

    [LibraryImport(ImagesLibrary)] public static partial int pt_image_load(void* data, long bytes, long mostPixels, out NativeImageInfo info, out nint pixels);
    [LibraryImport(ImagesLibrary)] public static partial int pt_image_save(nint pixels, int format, int quality, out byte* data, out long bytes);
    [LibraryImport(ImagesLibrary)] public static partial int pt_image_free(void* data);
    [LibraryImport(ImagesLibrary, StringMarshalling = StringMarshalling.Utf8)] public static partial int pt_image_text(string text, int size, out nint coverage);
    [LibraryImport(ImagesLibrary)] public static partial byte* pt_image_library();
}

/// <summary>The C struct <c>pt_image_info</c>.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct NativeImageInfo
{
    public int Format, Bits, Channels, Alpha, Profile, Orientation, Pages, Padding;
    public long Width, Height;
}
