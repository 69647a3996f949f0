namespace Posterior.Networks.Features;

/// <summary>The sizes of a <see cref="ResidualClassifier"/>.</summary>
public sealed record ResidualClassifierSettings
{
    /// <summary>Channels of the images.</summary>
    public int ImageChannels { get; init; } = 3;

    /// <summary>The number of classes.</summary>
    public int Classes { get; init; } = 40;

    /// <summary>The network works on blocks of this many pixels squared, taken as channels.</summary>
    public int Patch { get; init; } = 2;

    /// <summary>Channels of each stage, finest first, multiples of 16; each stage halves the resolution.</summary>
    public IReadOnlyList<int> Widths { get; init; } = [64, 128, 192];

    /// <summary>Residual blocks of each stage.</summary>
    public IReadOnlyList<int> Blocks { get; init; } = [2, 2, 2];
}
