namespace Posterior.Torch;

/// <summary>The kinds of image file that are read and written; the values are the bridge's codes.</summary>
public enum ImageFormat
{
    /// <summary>Portable Network Graphics: lossless, 8 or 16 bit.</summary>
    Png = 1,

    /// <summary>JPEG: lossy, 8 bit.</summary>
    Jpeg = 2,

    /// <summary>Tagged Image File Format: lossless, 8 or 16 bit or floating point.</summary>
    Tiff = 3,

    /// <summary>WebP: lossless or lossy, 8 bit.</summary>
    WebP = 4,
}
