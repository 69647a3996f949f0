namespace Posterior.Networks.Edm;

/// <summary>What the networks of EDM have in common, named as their constructor arguments (NVlabs/edm training/networks.py).</summary>
public record EdmUNetSettings
{
    /// <summary>The height and width of the training images.</summary>
    public int ImgResolution { get; init; } = 64;

    /// <summary>Channels of the images.</summary>
    public int ImgChannels { get; init; } = 3;

    /// <summary>Channels of the output; 0 for those of the images.</summary>
    public int OutChannels { get; init; }

    /// <summary>The length of the class vector; 0 for an unconditional network.</summary>
    public int LabelDim { get; init; }

    /// <summary>The length of the vector that describes training augmentations; at inference it is absent.</summary>
    public int AugmentDim { get; init; }

    /// <summary>The base width.</summary>
    public int ModelChannels { get; init; }

    /// <summary>The width of each level, times <see cref="ModelChannels"/>.</summary>
    public IReadOnlyList<int> ChannelMult { get; init; } = [];

    /// <summary>The width of the embedding, times <see cref="ModelChannels"/>.</summary>
    public int ChannelMultEmb { get; init; } = 4;

    /// <summary>Residual blocks per level.</summary>
    public int NumBlocks { get; init; }

    /// <summary>The image sizes at which blocks have attention.</summary>
    public IReadOnlyList<int> AttnResolutions { get; init; } = [];

    /// <summary>Channels of the output.</summary>
    internal long Outputs => OutChannels == 0 ? ImgChannels : OutChannels;

    /// <summary>Checks what the constructors rely on.</summary>
    internal void Validate()
    {
        if (ChannelMult.Count is 0 or > 16 || NumBlocks < 1 || ModelChannels < 1 || ImgResolution < 1 << (ChannelMult.Count - 1))
            throw new ArgumentException($"an EDM network needs 1 to 16 levels, blocks, channels and a resolution for its levels, found {ChannelMult.Count}, {NumBlocks}, {ModelChannels} and {ImgResolution}");
    }
}

/// <summary>How noise labels become vectors.</summary>
public enum EmbeddingType
{
    /// <summary>Geometric frequencies (DDPM++).</summary>
    Positional,

    /// <summary>Stored random frequencies (NCSN++).</summary>
    Fourier,
}

/// <summary>How the image reaches the encoder's coarser levels.</summary>
public enum EncoderType
{
    /// <summary>Not at all.</summary>
    Standard,

    /// <summary>Downsampled, through a convolution.</summary>
    Skip,

    /// <summary>Downsampled features (NCSN++).</summary>
    Residual,
}

/// <summary>How the decoder's coarser levels reach the output.</summary>
public enum DecoderType
{
    /// <summary>Not at all.</summary>
    Standard,

    /// <summary>As images that are upsampled and added.</summary>
    Skip,
}

/// <summary>The settings of a <see cref="SongUNet"/>.</summary>
public sealed record SongUNetSettings : EdmUNetSettings
{
    /// <summary>The defaults of the published constructor.</summary>
    public SongUNetSettings() => (ModelChannels, ChannelMult, NumBlocks, AttnResolutions) = (128, [1, 2, 2, 2], 4, [16]);

    /// <summary>How noise labels become vectors.</summary>
    public EmbeddingType EmbeddingType { get; init; }

    /// <summary>The width of the noise vector, times the base width: 1 for DDPM++, 2 for NCSN++.</summary>
    public int ChannelMultNoise { get; init; } = 1;

    /// <summary>How the image reaches the encoder's coarser levels.</summary>
    public EncoderType EncoderType { get; init; }

    /// <summary>How the decoder's coarser levels reach the output.</summary>
    public DecoderType DecoderType { get; init; }

    /// <summary>The resampling filter: [1, 1] for DDPM++, [1, 3, 3, 1] for NCSN++.</summary>
    public IReadOnlyList<int> ResampleFilter { get; init; } = [1, 1];
}

/// <summary>The settings of a <see cref="DhariwalUNet"/>.</summary>
public sealed record DhariwalUNetSettings : EdmUNetSettings
{
    /// <summary>The defaults of the published constructor.</summary>
    public DhariwalUNetSettings() => (ModelChannels, ChannelMult, NumBlocks, AttnResolutions) = (192, [1, 2, 3, 4], 3, [32, 16, 8]);
}
