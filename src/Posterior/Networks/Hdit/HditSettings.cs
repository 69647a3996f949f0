using System.Text.Json.Serialization;

namespace Posterior.Networks.Hdit;

/// <summary>The sizes of an <see cref="HditNetwork"/>, under the names of the published configurations of k-diffusion's <c>image_transformer_v2</c>.</summary>
public sealed record HditSettings
{
    /// <summary>Channels of the images.</summary>
    public int InputChannels { get; init; } = 3;

    /// <summary>Rows and columns of the patch that becomes a token.</summary>
    public IReadOnlyList<int> PatchSize { get; init; } = [4, 4];

    /// <summary>Layers of each level, finest first; all levels but the last are passed again on the way back.</summary>
    public IReadOnlyList<int> Depths { get; init; } = [2, 2, 4];

    /// <summary>Numbers of a token at each level.</summary>
    public IReadOnlyList<int> Widths { get; init; } = [192, 384, 768];

    /// <summary>Inner width of the feed-forward part at each level.</summary>
    public IReadOnlyList<int> DFfs { get; init; } = [512, 1024, 2048];

    /// <summary>The attention of each level.</summary>
    public IReadOnlyList<HditAttentionSettings> SelfAttns { get; init; } =
    [
        new() { Type = HditAttentionType.Neighborhood, KernelSize = 7 }, new() { Type = HditAttentionType.Neighborhood, KernelSize = 7 }, new() { Type = HditAttentionType.Global },
    ];

    /// <summary>Layers of the mapping network, which makes the condition of all norms of noise level, class and augmentation.</summary>
    public int MappingDepth { get; init; } = 2;

    /// <summary>Width of the mapping network.</summary>
    public int MappingWidth { get; init; } = 256;

    /// <summary>Inner width of the mapping network.</summary>
    public int MappingDFf { get; init; } = 768;

    /// <summary>Numbers of an additional condition; 0 for none.</summary>
    public int MappingCondDim { get; init; }

    /// <summary>Rows of the class table, the one for "no class" included; 0 for an unconditional network.</summary>
    public int NumClasses { get; init; }

    /// <summary>The standard deviation of the training images in [-1, 1], for EDM's scalings.</summary>
    public double SigmaData { get; init; } = 0.5;

    /// <summary>What the network is told of a measurement.</summary>
    public MeasurementCondition Condition { get; init; }

    /// <summary>The activation in the feature degradation layers of <see cref="MeasurementCondition.Operator"/>.</summary>
    public MeasurementActivation Activation { get; init; }

    /// <summary>
    /// Whether feature degradation layers rescale what <c>H^+</c> brings back: random rows carry little of an image, so that it is small beside the tokens. Not in the paper;
    /// each layer learns a power of <see cref="Operators.OperatorBatch.SmoothShare"/>.
    /// </summary>
    public bool Rescaled { get; init; }

    /// <summary>
    /// Whether the keys of what <c>H^+</c> brings back add those of the block's own tokens, each head with a learned factor. Not in the paper: what random rows bring back looks like noise,
    /// and keys made of it alone cannot say where it lies.
    /// </summary>
    public bool SharedKeys { get; init; }

    /// <summary>Images that come out: 1, or the number of principal directions of an NPPC network.</summary>
    public int OutputImages { get; init; } = 1;
}

/// <summary>The attention of one level.</summary>
public sealed record HditAttentionSettings
{
    /// <summary>Which tokens see which.</summary>
    public HditAttentionType Type { get; init; }

    /// <summary>Numbers of a head.</summary>
    public int DHead { get; init; } = 64;

    /// <summary>Rows and columns of a neighbourhood.</summary>
    public int KernelSize { get; init; } = 7;

    /// <summary>Rows and columns of a window.</summary>
    public int WindowSize { get; init; } = 8;
}

/// <summary>Which tokens see which.</summary>
public enum HditAttentionType
{
    /// <summary>All tokens see all.</summary>
    [JsonStringEnumMemberName("global")]
    Global,

    /// <summary>Each token sees the square around it (Hassani et al. 2023, arXiv:2204.07143).</summary>
    [JsonStringEnumMemberName("neighborhood")]
    Neighborhood,

    /// <summary>Tokens see their window; windows are shifted by half in every second layer (Liu et al. 2021, arXiv:2103.14030).</summary>
    [JsonStringEnumMemberName("shifted-window")]
    ShiftedWindow,

    /// <summary>No attention, only the feed-forward part.</summary>
    [JsonStringEnumMemberName("none")]
    None,
}

/// <summary>What a network is told of a measurement <c>y = H x + n</c>.</summary>
public enum MeasurementCondition
{
    /// <summary>Nothing: an unconditional network.</summary>
    [JsonStringEnumMemberName("none")]
    None,

    /// <summary><c>H^+ y</c> as additional input channels (Palette, Saharia et al. 2022, arXiv:2111.05826).</summary>
    [JsonStringEnumMemberName("image")]
    Image,

    /// <summary>The same, and <c>(y, H)</c> in the attention of every level whose width allows it (InvFussion, Elata et al. 2025, Eq. 7).</summary>
    [JsonStringEnumMemberName("operator")]
    Operator,
}

/// <summary>The activation of a feature degradation layer; all vanish at 0, so that the zero operator gives zeros.</summary>
public enum MeasurementActivation
{
    /// <summary>
    /// A channel is scaled by a learned function of its length relative to the others: like the linear map it does not see in which basis the
    /// measurement is written, so that <c>H -> Q H, y -> Q y</c> with orthogonal Q changes nothing.
    /// </summary>
    [JsonStringEnumMemberName("gated")]
    Gated,

    /// <summary>z sigmoid(z) on each number of the measurement: the layer then depends on the measurement's basis.</summary>
    [JsonStringEnumMemberName("silu")]
    Silu,
}
