namespace Posterior.Networks.Adm;

/// <summary>
/// The constructor arguments of guided-diffusion's networks (Dhariwal and Nichol 2021; unet.py), of which the denoiser and the classifier share most.
/// </summary>
public record AdmTrunkSettings
{
    /// <summary>The height and width of the training images.</summary>
    public int ImageSize { get; init; } = 256;

    /// <summary>Channels of the images.</summary>
    public int InChannels { get; init; } = 3;

    /// <summary>The base width.</summary>
    public int ModelChannels { get; init; } = 256;

    /// <summary>Output channels: of the denoiser 3, or 6 with a learned variance; of the classifier the number of classes.</summary>
    public int OutChannels { get; init; } = 6;

    /// <summary>Residual blocks per resolution.</summary>
    public int NumResBlocks { get; init; } = 2;

    /// <summary>The downsampling factors (not sizes) at which blocks have attention.</summary>
    public IReadOnlyList<int> AttentionResolutions { get; init; } = [8, 16, 32];

    /// <summary>The width of each level, times <see cref="ModelChannels"/>.</summary>
    public IReadOnlyList<double> ChannelMult { get; init; } = [1, 1, 2, 2, 4, 4];

    /// <summary>Whether resampling without a residual block has a convolution.</summary>
    public bool ConvResample { get; init; } = true;

    /// <summary>The number of attention heads, where <see cref="NumHeadChannels"/> is -1.</summary>
    public int NumHeads { get; init; } = 1;

    /// <summary>The channels of one attention head, or -1 for a fixed number of heads.</summary>
    public int NumHeadChannels { get; init; } = -1;

    /// <summary>Whether the time scales and shifts normalised features (true) or is added before (false).</summary>
    public bool UseScaleShiftNorm { get; init; }

    /// <summary>Whether residual blocks resample.</summary>
    public bool ResblockUpdown { get; init; }

    /// <summary>Whether the channels of queries, keys and values are ordered <c>[q, k, v][head][ch]</c> instead of <c>[head][q, k, v][ch]</c>.</summary>
    public bool UseNewAttentionOrder { get; init; }

    /// <summary>The channels of a level.</summary>
    internal long Width(int level) => (long)(ChannelMult[level] * ModelChannels);

    /// <summary>The heads of an attention block of the given width.</summary>
    internal long Heads(long channels, int heads) => NumHeadChannels == -1 ? heads : channels / NumHeadChannels;
}

/// <summary>The settings of an <see cref="AdmUNet"/>.</summary>
public sealed record AdmUNetSettings : AdmTrunkSettings
{
    /// <summary>The number of classes; 0 for an unconditional network.</summary>
    public int NumClasses { get; init; }

    /// <summary>The number of attention heads in the decoder; -1 for as many as in the encoder.</summary>
    public int NumHeadsUpsample { get; init; } = -1;
}

/// <summary>How a classifier turns the last feature map into logits.</summary>
public enum AdmPool
{
    /// <summary>One attention layer whose query is the mean token.</summary>
    Attention,

    /// <summary>The mean over pixels.</summary>
    Adaptive,
}

/// <summary>The settings of an <see cref="AdmClassifier"/>.</summary>
public sealed record AdmClassifierSettings : AdmTrunkSettings
{
    /// <summary>How the last feature map becomes logits.</summary>
    public AdmPool Pool { get; init; }
}
