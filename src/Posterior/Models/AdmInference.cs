using Posterior.Networks.Adm;

namespace Posterior.Models;

/// <summary>
/// The settings of ADM networks from the shapes of their weights. Shapes fix everything but three things, for which these are the values of the
/// published checkpoints (the flags in guided-diffusion's README):
/// <list type="bullet">
/// <item>heads: <c>num_heads = 4</c> for ImageNet 128 (multipliers 1,1,2,3,4), else 64 channels a head (ImageNet 64, 256 and 512, conditional or
/// not, LSUN, and the classifiers); one head where 64 does not divide a width;</item>
/// <item><c>use_new_attention_order</c>: true for ImageNet 64 (base width 192, multipliers 1,2,3,4), else false;</item>
/// <item>image size: 64, 128, 256, 512 by the multipliers, else the one at which the finest attention is at 32x32.</item>
/// </list>
/// </summary>
internal static class AdmInference
{
    private static readonly (int Size, double[] Multipliers)[] _published =
        [(512, [0.5, 1, 1, 2, 2, 4, 4]), (256, [1, 1, 2, 2, 4, 4]), (128, [1, 1, 2, 3, 4]), (64, [1, 2, 3, 4])];

    private static readonly string[] _trunk = ["time_embed.0.weight", "input_blocks.0.0.weight", "middle_block.0.in_layers.0.weight", "out.0.weight"];

    /// <summary>Whether these are weights of an <see cref="AdmUNet"/>.</summary>
    public static bool IsUNet(TensorShapes shapes) => shapes.HasAll(_trunk) && shapes.Has("out.2.weight") && shapes.HasPrefix("output_blocks.");

    /// <summary>Whether these are weights of an <see cref="AdmClassifier"/>.</summary>
    public static bool IsClassifier(TensorShapes shapes) => shapes.HasAll(_trunk) && !shapes.HasPrefix("output_blocks.") &&
        (shapes.Has("out.2.positional_embedding") || shapes.Has("out.3.weight"));

    /// <summary>The settings of an <see cref="AdmUNet"/>.</summary>
    public static AdmUNetSettings UNet(TensorShapes shapes)
    {
        var stages = shapes.CountBelow("output_blocks.");
        var perLevel = StagesPerLevel(shapes, stages);
        if (stages % perLevel != 0) throw new ModelException($"an ADM network has {perLevel} decoder stages per level here, found {stages} in all");
        var trunk = Trunk(shapes, stages / perLevel, perLevel - 1, Enumerable.Range(0, stages).Any(k => UpsamplingBlock(shapes, k)));
        return new AdmUNetSettings
        {
            ImageSize = trunk.ImageSize,
            InChannels = trunk.InChannels,
            ModelChannels = trunk.ModelChannels,
            OutChannels = shapes.Size("out.2.weight", 0),
            NumResBlocks = trunk.NumResBlocks,
            AttentionResolutions = trunk.AttentionResolutions,
            ChannelMult = trunk.ChannelMult,
            ConvResample = trunk.ConvResample,
            NumHeads = trunk.NumHeads,
            NumHeadChannels = trunk.NumHeadChannels,
            UseScaleShiftNorm = trunk.UseScaleShiftNorm,
            ResblockUpdown = trunk.ResblockUpdown,
            UseNewAttentionOrder = trunk.UseNewAttentionOrder,
            NumClasses = shapes.Has("label_emb.weight") ? shapes.Size("label_emb.weight", 0) : 0,
        };
    }

    /// <summary>The settings of an <see cref="AdmClassifier"/>.</summary>
    public static AdmClassifierSettings Classifier(TensorShapes shapes)
    {
        var (levels, blocks) = ClassifierLevels(shapes);
        var attention = shapes.Has("out.2.positional_embedding");
        var convolutions = Enumerable.Range(1, levels - 1).Any(level => shapes.Has($"input_blocks.{level * (blocks + 1)}.0.op.weight"));
        var trunk = Trunk(shapes, levels, blocks, updown: levels > 1 && !convolutions && shapes.HasPrefix($"input_blocks.{blocks + 1}.0.in_layers"));
        var width = (int)(trunk.ChannelMult[^1] * trunk.ModelChannels);
        var headChannels = width % 64 == 0 ? 64 : width;
        return new AdmClassifierSettings
        {
            ImageSize = attention ? (int)Math.Round(Math.Sqrt(shapes.Size("out.2.positional_embedding", 1) - 1)) << (levels - 1) : trunk.ImageSize,
            InChannels = trunk.InChannels,
            ModelChannels = trunk.ModelChannels,
            OutChannels = attention ? shapes.Size("out.2.c_proj.weight", 0) : shapes.Size("out.3.weight", 0),
            NumResBlocks = trunk.NumResBlocks,
            AttentionResolutions = trunk.AttentionResolutions,
            ChannelMult = trunk.ChannelMult,
            ConvResample = trunk.ConvResample,
            NumHeads = trunk.NumHeads,
            NumHeadChannels = trunk.NumHeadChannels == -1 && attention ? headChannels : trunk.NumHeadChannels,
            UseScaleShiftNorm = trunk.UseScaleShiftNorm,
            ResblockUpdown = trunk.ResblockUpdown,
            Pool = attention ? AdmPool.Attention : AdmPool.Adaptive,
        };
    }

    // The decoder of each level but the finest ends with an upsampling layer; without one of those there is a single level.
    private static int StagesPerLevel(TensorShapes shapes, int stages)
    {
        for (var k = 0; k < stages; k++)
            if (UpsamplingBlock(shapes, k) || shapes.Has($"output_blocks.{k}.1.conv.weight") || shapes.Has($"output_blocks.{k}.2.conv.weight")) return k + 1;

        // Resampling without weights leaves a gap in the numbers of the encoder.
        for (var k = 1; k < shapes.CountBelow("input_blocks."); k++)
            if (!shapes.HasPrefix($"input_blocks.{k}.")) return k;
        return stages;
    }

    private static bool UpsamplingBlock(TensorShapes shapes, int stage) =>
        shapes.Has($"output_blocks.{stage}.1.in_layers.0.weight") || shapes.Has($"output_blocks.{stage}.2.in_layers.0.weight");

    // A classifier has no decoder that tells the levels, so the only split is taken that makes all blocks of a level alike and all resampling
    // layers free of attention; coarse splits first.
    private static (int Levels, int Blocks) ClassifierLevels(TensorShapes shapes)
    {
        var stages = shapes.CountBelow("input_blocks.");
        for (var levels = 1; 2 * levels <= stages; levels++)
            if (stages % levels == 0 && Fits(levels, stages / levels - 1)) return (levels, stages / levels - 1);
        throw new ModelException($"the {stages} encoder stages of an ADM classifier do not form levels of equal length");

        bool Fits(int levels, int blocks)
        {
            for (var level = 0; level < levels; level++)
            {
                var first = 1 + level * (blocks + 1);
                for (var k = first; k < first + blocks; k++)
                    if (!shapes.Has(Residual(k)) || Attention(k) != Attention(first) || shapes.Size(Residual(k), 0) != shapes.Size(Residual(first), 0)) return false;
                if (level + 1 == levels) break;
                var down = first + blocks;
                if (Attention(down) || (shapes.Has(Residual(down)) && shapes.Size(Residual(down), 0) != shapes.Size(Residual(first), 0))) return false;
            }
            return true;
        }

        bool Attention(int k) => shapes.Has($"input_blocks.{k}.1.qkv.weight");
    }

    private static string Residual(int stage) => $"input_blocks.{stage}.0.out_layers.3.weight";

    private static AdmTrunkSettings Trunk(TensorShapes shapes, int levels, int blocks, bool updown)
    {
        var channels = shapes.Size("time_embed.0.weight", 1);
        var stages = Enumerable.Range(0, levels).Select(level => 1 + level * (blocks + 1)).ToArray();
        var widths = stages.Select(stage => shapes.Size(Residual(stage), 0)).ToArray();
        int[] factors = [.. Enumerable.Range(0, levels).Where(level => shapes.Has($"input_blocks.{stages[level]}.1.qkv.weight")).Select(level => 1 << level)];
        double[] multipliers = [.. widths.Select(width => (double)width / channels)];

        var published = _published.FirstOrDefault(entry => entry.Multipliers.SequenceEqual(multipliers)).Size;
        var attended = widths.Where((_, level) => factors.Contains(1 << level)).Append(widths[^1]);
        var fixedHeads = published == 128;
        return new AdmTrunkSettings
        {
            ImageSize = published != 0 ? published : 32 * factors.DefaultIfEmpty(8).Min(),
            InChannels = shapes.Size("input_blocks.0.0.weight", 1),
            ModelChannels = channels,
            NumResBlocks = blocks,
            AttentionResolutions = factors,
            ChannelMult = multipliers,
            ConvResample = levels == 1 || updown || shapes.Has($"input_blocks.{blocks + 1}.0.op.weight"),
            NumHeads = fixedHeads ? 4 : 1,
            NumHeadChannels = !fixedHeads && attended.All(width => width % 64 == 0) ? 64 : -1,
            UseScaleShiftNorm = shapes.Size("input_blocks.1.0.emb_layers.1.weight", 0) == 2 * widths[0],
            ResblockUpdown = updown,
            UseNewAttentionOrder = published == 64 && channels == 192,
        };
    }
}
