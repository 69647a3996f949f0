using Posterior.Networks.Ddpm;

namespace Posterior.Models;

/// <summary>
/// The settings of a DDPM network from the shapes of its weights. Only the image size is not fixed by them: all published checkpoints (CelebA-HQ
/// and LSUN 256, CIFAR-10 32) have their attention at 16x16, which gives it; 256 where there is none.
/// </summary>
internal static class DdpmInference
{
    private const int AttentionSize = 16;

    /// <summary>Whether these are weights of a <see cref="DdpmUNet"/>.</summary>
    public static bool IsDdpm(TensorShapes shapes) =>
        shapes.HasAll("conv_in.weight", "temb.dense.0.weight", "down.0.block.0.conv1.weight", "mid.attn_1.q.weight", "conv_out.weight");

    /// <summary>The settings.</summary>
    public static DdpmUNetSettings UNet(TensorShapes shapes)
    {
        var width = shapes.Size("conv_in.weight", 0);
        var levels = shapes.CountBelow("down.");
        var multipliers = new int[levels];
        for (var level = 0; level < levels; level++)
        {
            var channels = shapes.Size($"down.{level}.block.0.conv1.weight", 0);
            if (channels % width != 0) throw new ModelException($"level {level} of a DDPM network has {channels} channels: expected a multiple of {width}");
            multipliers[level] = channels / width;
        }
        int[] attention = [.. Enumerable.Range(0, levels).Where(level => shapes.HasPrefix($"down.{level}.attn."))];
        var size = attention.Length == 0 ? 256 : AttentionSize << attention[^1];
        return new DdpmUNetSettings
        {
            ImageSize = size,
            InChannels = shapes.Size("conv_in.weight", 1),
            OutCh = shapes.Size("conv_out.weight", 0),
            Ch = width,
            ChMult = multipliers,
            NumResBlocks = shapes.CountBelow("down.0.block."),
            AttnResolutions = [.. attention.Select(level => size >> level)],
            ResampWithConv = levels == 1 || shapes.HasPrefix("down.0.downsample."),
        };
    }
}
