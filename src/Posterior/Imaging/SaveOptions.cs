namespace Posterior.Imaging;

/// <summary>How an image file is written.</summary>
public sealed record SaveOptions
{
    /// <summary>Bits of a sample: 8 (any format), 16 (PNG, TIFF) or 32 (TIFF: floating point, values as they are).</summary>
    public int Bits { get; init; } = 8;

    /// <summary>The quality of lossy files, 1 to 100; null for <see cref="ImageFile.DefaultJpegQuality"/> in JPEG and lossless WebP.</summary>
    public int? Quality { get; init; }
}
