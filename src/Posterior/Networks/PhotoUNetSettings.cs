namespace Posterior.Networks;

/// <summary>The sizes of a <see cref="PhotoUNet"/>.</summary>
public sealed record PhotoUNetSettings
{
    /// <summary>Channels of the images.</summary>
    public int ImageChannels { get; init; } = 3;

    /// <summary>The number of classes; 0 for an unconditional network.</summary>
    public int Classes { get; init; }

    /// <summary>The network works on blocks of this many pixels squared, taken as channels.</summary>
    public int Patch { get; init; } = 2;

    /// <summary>Channels of each level, finest first; each level halves the resolution.</summary>
    public IReadOnlyList<int> Widths { get; init; } = [64, 128, 192, 256];

    /// <summary>Residual blocks of each level, before and again after the coarser ones.</summary>
    public IReadOnlyList<int> Blocks { get; init; } = [4, 4, 3, 2];

    /// <summary>Numbers that describe the noise level.</summary>
    public int EmbeddingWidth { get; init; } = 256;

    internal void Validate()
    {
        if (Widths.Count is 0 or > 16 || Widths.Count != Blocks.Count) throw new ArgumentException($"a photo UNet needs 1 to 16 levels, each with a width and a number of blocks, found {Widths.Count} and {Blocks.Count}");
        if (Widths.Min() < 1 || Blocks.Any(blocks => blocks is < 1 or > 1000)) throw new ArgumentException($"a photo UNet needs channels and 1 to 1000 blocks in each level, found {Widths.Min()} and {Blocks.Min()} to {Blocks.Max()}");
        if (ImageChannels < 1 || Patch is < 1 or > 256 || EmbeddingWidth < 1 || Classes < 0)
            throw new ArgumentException($"a photo UNet needs image channels, patches of 1 to 256 pixels and an embedding, found {ImageChannels}, {Patch} and {EmbeddingWidth} ({Classes} classes)");
    }
}
