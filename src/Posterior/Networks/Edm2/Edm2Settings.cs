using System.Text.Json.Serialization;

namespace Posterior.Networks.Edm2;

/// <summary>The settings of an <see cref="Edm2Network"/>, named as the arguments of its published constructors (NVlabs/edm2 training/networks_edm2.py, Precond and UNet).</summary>
public sealed record Edm2Settings
{
    /// <summary>The height and width of the training images.</summary>
    public int ImgResolution { get; init; } = 64;

    /// <summary>Channels of the images.</summary>
    public int ImgChannels { get; init; } = 3;

    /// <summary>The length of the class vector; 0 for an unconditional network.</summary>
    public int LabelDim { get; init; }

    /// <summary>The base width.</summary>
    public int ModelChannels { get; init; } = 192;

    /// <summary>The width of each level, times <see cref="ModelChannels"/>.</summary>
    public IReadOnlyList<int> ChannelMult { get; init; } = [1, 2, 3, 4];

    /// <summary>The width of the noise features, times <see cref="ModelChannels"/>; 0 for the width of the first level.</summary>
    public int ChannelMultNoise { get; init; }

    /// <summary>The width of the embedding, times <see cref="ModelChannels"/>; 0 for the greatest width of a level.</summary>
    public int ChannelMultEmb { get; init; }

    /// <summary>Residual blocks per level.</summary>
    public int NumBlocks { get; init; } = 3;

    /// <summary>The image sizes at which blocks have attention.</summary>
    public IReadOnlyList<int> AttnResolutions { get; init; } = [16, 8];

    /// <summary>Channels of an attention head; a block narrower than that has no attention.</summary>
    public int ChannelsPerHead { get; init; } = 64;

    /// <summary>The share of the class in the embedding, 0 to 1.</summary>
    public double LabelBalance { get; init; } = 0.5;

    /// <summary>The share of the skip connection in a concatenation, 0 to 1.</summary>
    public double ConcatBalance { get; init; } = 0.5;

    /// <summary>The share of the residual branch in a block, 0 to 1.</summary>
    public double ResBalance { get; init; } = 0.3;

    /// <summary>The share of attention in a block, 0 to 1.</summary>
    public double AttnBalance { get; init; } = 0.3;

    /// <summary>Features are limited to this modulus after each block; null for no limit.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.Never)]
    public double? ClipAct { get; init; } = 256;

    /// <summary>The resampling filter.</summary>
    public IReadOnlyList<int> ResampleFilter { get; init; } = [1, 1];

    /// <summary>The number of features of the noise level in the uncertainty of the loss.</summary>
    public int LogvarChannels { get; init; } = 128;

    /// <summary>The standard deviation of the training images.</summary>
    public double SigmaData { get; init; } = 0.5;

    internal long NoiseChannels => (long)ModelChannels * (ChannelMultNoise > 0 ? ChannelMultNoise : ChannelMult[0]);

    internal long EmbeddingChannels => (long)ModelChannels * (ChannelMultEmb > 0 ? ChannelMultEmb : ChannelMult.Max());

    internal void Validate()
    {
        if (ChannelMult.Count is 0 or > 16 || NumBlocks < 1 || ModelChannels < 1 || ChannelsPerHead < 1 || ImgResolution < 1 << (ChannelMult.Count - 1))
            throw new ArgumentException($"an EDM2 network needs 1 to 16 levels, blocks, channels and a resolution for its levels, found {ChannelMult.Count}, {NumBlocks}, {ModelChannels} and {ImgResolution}");
        if (ResampleFilter.Count is 0 or > 64 || ResampleFilter.Count % 2 != 0) throw new ArgumentException($"a resampling filter has an even number of taps, found {ResampleFilter.Count}");
    }
}
