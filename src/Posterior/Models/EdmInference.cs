using Posterior.Networks.Edm;

namespace Posterior.Models;

/// <summary>
/// The settings of EDM's networks from the names and shapes of their weights; the names state the sizes of the levels. What they cannot tell is the
/// preconditioning: EDM's own is assumed, or that of improved DDPM where there are twice as many outputs as inputs.
/// </summary>
internal static class EdmInference
{
    private const string First = "_conv.weight";

    /// <summary>Whether these are weights of a <see cref="SongUNet"/>.</summary>
    public static bool IsSong(TensorShapes shapes) => Size(shapes) is var size && size > 0 && shapes.HasAll("map_layer1.weight", $"dec.{size}x{size}_aux_conv.weight");

    /// <summary>Whether these are weights of a <see cref="DhariwalUNet"/>.</summary>
    public static bool IsDhariwal(TensorShapes shapes) => Size(shapes) > 0 && shapes.HasAll("map_layer1.weight", "out_norm.weight", "out_conv.weight");

    /// <summary>The settings of a <see cref="SongUNet"/>.</summary>
    public static SongUNetSettings Song(TensorShapes shapes)
    {
        var size = Size(shapes);
        var channels = shapes.Size($"enc.{size}x{size}{First}", 0);
        var (multipliers, attention) = Levels(shapes, size, channels);
        var (second, coarsest) = ($"enc.{size / 2}x{size / 2}_", size >> (multipliers.Length - 1));
        return new SongUNetSettings
        {
            ImgResolution = size,
            ImgChannels = shapes.Size($"enc.{size}x{size}{First}", 1),
            OutChannels = shapes.Size($"dec.{size}x{size}_aux_conv.weight", 0),
            LabelDim = Columns(shapes, "map_label.weight"),
            AugmentDim = Columns(shapes, "map_augment.weight"),
            ModelChannels = channels,
            ChannelMult = multipliers,
            ChannelMultEmb = shapes.Size("map_layer0.weight", 0) / channels,
            ChannelMultNoise = shapes.Size("map_layer0.weight", 1) / channels,
            NumBlocks = shapes.CountBelow($"enc.{size}x{size}_block"),
            AttnResolutions = attention,
            EmbeddingType = shapes.Has("map_noise.freqs") ? EmbeddingType.Fourier : EmbeddingType.Positional,
            EncoderType = shapes.Has(second + "aux_skip.weight") ? EncoderType.Skip : shapes.Has(second + "aux_residual.weight") ? EncoderType.Residual : EncoderType.Standard,
            DecoderType = multipliers.Length > 1 && shapes.Has($"dec.{coarsest}x{coarsest}_aux_conv.weight") ? DecoderType.Skip : DecoderType.Standard,
            ResampleFilter = shapes.Has(second + "down.conv0.resample_filter") && shapes.Size(second + "down.conv0.resample_filter", 3) == 4 ? [1, 3, 3, 1] : [1, 1],
        };
    }

    /// <summary>The settings of a <see cref="DhariwalUNet"/>.</summary>
    public static DhariwalUNetSettings Dhariwal(TensorShapes shapes)
    {
        var size = Size(shapes);
        var channels = shapes.Size("map_layer0.weight", 1);
        var (multipliers, attention) = Levels(shapes, size, channels);
        return new DhariwalUNetSettings
        {
            ImgResolution = size,
            ImgChannels = shapes.Size($"enc.{size}x{size}{First}", 1),
            OutChannels = shapes.Size("out_conv.weight", 0),
            LabelDim = Columns(shapes, "map_label.weight"),
            AugmentDim = Columns(shapes, "map_augment.weight"),
            ModelChannels = channels,
            ChannelMult = multipliers,
            ChannelMultEmb = shapes.Size("map_layer0.weight", 0) / channels,
            NumBlocks = shapes.CountBelow($"enc.{size}x{size}_block"),
            AttnResolutions = attention,
        };
    }

    /// <summary>The height and width of the finest level, which alone has a plain convolution: <c>enc.64x64_conv.weight</c>; 0 where there is none.</summary>
    internal static int Size(TensorShapes shapes, string prefix = "")
    {
        var encoder = prefix + "enc.";
        foreach (var key in shapes.Keys)
        {
            if (!key.StartsWith(encoder, StringComparison.Ordinal) || !key.EndsWith(First, StringComparison.Ordinal)) continue;
            if (key[encoder.Length..^First.Length].Split('x') is [var rows, var columns] && rows == columns && int.TryParse(rows, out var size) && size > 0) return size;
        }
        return 0;
    }

    private static (int[] Multipliers, int[] Attention) Levels(TensorShapes shapes, int size, int channels)
    {
        List<int> multipliers = [], attention = [];
        for (var side = size; side > 0 && shapes.Has($"enc.{side}x{side}_block0.conv1.weight"); side /= 2)
        {
            var width = shapes.Size($"enc.{side}x{side}_block0.conv1.weight", 0);
            if (width % channels != 0) throw new ModelException($"level {side}x{side} has {width} channels: expected a multiple of {channels}");
            multipliers.Add(width / channels);
            if (shapes.Has($"enc.{side}x{side}_block0.qkv.weight")) attention.Add(side);
        }
        return ([.. multipliers], [.. attention]);
    }

    private static int Columns(TensorShapes shapes, string key) => shapes.Has(key) ? shapes.Size(key, 1) : 0;
}
