using System.Text.Json.Serialization;

namespace Posterior.Networks.Swin;

/// <summary>The settings of a <see cref="SwinIr"/>, named as the arguments of its published constructor.</summary>
public sealed record SwinIrSettings
{
    /// <summary>The height and width of the training images; it decides which masks the weights hold, and whether windows are shifted at all.</summary>
    public int ImgSize { get; init; } = 64;

    /// <summary>Channels of the images.</summary>
    public int InChans { get; init; } = 3;

    /// <summary>The width.</summary>
    public int EmbedDim { get; init; } = 96;

    /// <summary>Transformer blocks in each residual group.</summary>
    public IReadOnlyList<int> Depths { get; init; } = [6, 6, 6, 6];

    /// <summary>Attention heads in each residual group.</summary>
    public IReadOnlyList<int> NumHeads { get; init; } = [6, 6, 6, 6];

    /// <summary>The side of a window in pixels.</summary>
    public int WindowSize { get; init; } = 7;

    /// <summary>The width inside of a block's perceptron, times <see cref="EmbedDim"/>.</summary>
    public double MlpRatio { get; init; } = 4;

    /// <summary>Whether queries, keys and values have biases.</summary>
    public bool QkvBias { get; init; } = true;

    /// <summary>The scale of queries; null for 1 / sqrt(width of a head).</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.Never)]
    public double? QkScale { get; init; }

    /// <summary>Whether a learned vector is added at each position; the network then takes images of <see cref="ImgSize"/> only.</summary>
    public bool Ape { get; init; }

    /// <summary>Whether features are normalised before the first block.</summary>
    public bool PatchNorm { get; init; } = true;

    /// <summary>How much larger the result is.</summary>
    public int Upscale { get; init; } = 1;

    /// <summary>White inside of the network: 1, or 255 in the published networks for JPEG.</summary>
    public double ImgRange { get; init; } = 1;

    /// <summary>
    /// How images are enlarged: <c>pixelshuffle</c> (classical), <c>pixelshuffledirect</c> (light), <c>nearest+conv</c> (real), or empty for results of the input's size.
    /// </summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.Never)]
    public string? Upsampler { get; init; } = "";

    /// <summary>The convolution behind each residual group: <c>1conv</c> or <c>3conv</c>.</summary>
    public string ResiConnection { get; init; } = "1conv";

    /// <summary>The side of the windows in which attention works: at most the training images.</summary>
    internal int EffectiveWindow => Math.Min(WindowSize, ImgSize);

    /// <summary>Whether every other block shifts its windows.</summary>
    internal bool Shifts => ImgSize > WindowSize;

    internal void Validate()
    {
        if (Depths.Count == 0 || Depths.Count != NumHeads.Count || Depths.Any(depth => depth < 1)) throw new ArgumentException($"SwinIR needs the depths and heads of its groups, found {Depths.Count} and {NumHeads.Count}");
        if (NumHeads.FirstOrDefault(heads => heads < 1 || EmbedDim % heads != 0) is var bad and not 0) throw new ArgumentException($"attention over {EmbedDim} channels cannot have {bad} heads: expected a divisor");
        if (WindowSize < 1 || ImgSize < 1 || WindowSize % EffectiveWindow != 0) throw new ArgumentException($"windows of {WindowSize} do not fit training images of {ImgSize}");
        if (ResiConnection is not ("1conv" or "3conv")) throw new ArgumentException($"resi_connection is '{ResiConnection}', expected 1conv or 3conv");
        var scales = Upsampler switch
        {
            "pixelshuffle" => Upscale == 3 || Upscale > 0 && int.IsPow2(Upscale),
            "pixelshuffledirect" => Upscale > 0,
            "nearest+conv" => Upscale is 2 or 4,
            null or "" => Upscale == 1,
            _ => throw new ArgumentException($"upsampler is '{Upsampler}', expected pixelshuffle, pixelshuffledirect, nearest+conv or nothing"),
        };
        if (!scales) throw new ArgumentException($"upsampler '{Upsampler}' cannot enlarge by {Upscale}");
        if (ImgRange <= 0 || MlpRatio <= 0) throw new ArgumentException($"expected a positive range and perceptron, found {ImgRange} and {MlpRatio}");
    }
}
