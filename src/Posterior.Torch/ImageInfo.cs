namespace Posterior.Torch;

/// <summary>What an image file declared, beside its pixels.</summary>
/// <param name="Format">The format, recognised by content.</param>
/// <param name="Bits">The bits of a sample: 8, 16, or 32 for floating point.</param>
/// <param name="Channels">The channels as stored, alpha included.</param>
/// <param name="HadAlpha">Whether there was an alpha channel. It was flattened onto white.</param>
/// <param name="HadProfile">Whether there was a colour profile. Integer samples were converted to sRGB.</param>
/// <param name="Orientation">The EXIF orientation, 1 (upright) to 8. It was applied.</param>
/// <param name="Pages">The number of pages or frames, of which the first was loaded.</param>
/// <param name="Width">The width as stored, before the rotation.</param>
/// <param name="Height">The height as stored, before the rotation.</param>
public sealed record ImageInfo(ImageFormat Format, int Bits, int Channels, bool HadAlpha, bool HadProfile, int Orientation, int Pages, long Width, long Height);
