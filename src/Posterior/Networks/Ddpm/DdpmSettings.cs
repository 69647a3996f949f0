namespace Posterior.Networks.Ddpm;

/// <summary>The settings of a <see cref="DdpmUNet"/>, named as in the published configuration files; the defaults are those of CelebA-HQ 256 and LSUN 256.</summary>
public sealed record DdpmUNetSettings
{
    /// <summary>The height and width of the training images.</summary>
    public int ImageSize { get; init; } = 256;

    /// <summary>Channels of the images.</summary>
    public int InChannels { get; init; } = 3;

    /// <summary>Channels of the output.</summary>
    public int OutCh { get; init; } = 3;

    /// <summary>The base width.</summary>
    public int Ch { get; init; } = 128;

    /// <summary>The width of each level, times <see cref="Ch"/>.</summary>
    public IReadOnlyList<int> ChMult { get; init; } = [1, 1, 2, 2, 4, 4];

    /// <summary>Residual blocks per level.</summary>
    public int NumResBlocks { get; init; } = 2;

    /// <summary>The image sizes (not factors) at which blocks have attention.</summary>
    public IReadOnlyList<int> AttnResolutions { get; init; } = [16];

    /// <summary>Whether resampling has a convolution.</summary>
    public bool ResampWithConv { get; init; } = true;
}
