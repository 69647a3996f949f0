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
}
