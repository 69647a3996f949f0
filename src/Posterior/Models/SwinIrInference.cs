using Posterior.Networks.Swin;

namespace Posterior.Models;

/// <summary>
/// The settings of a <see cref="SwinIr"/> from the names and shapes of its weights. The value of white inside is not in them: 255 for windows of 7 pixels, which only the
/// published networks for JPEG have, else 1.
/// </summary>
internal static class SwinIrInference
{
    private const string FirstBlock = "layers.0.residual_group.blocks.0.";
    private const int JpegWindow = 7, ShuffledFeatures = 64;

    /// <summary>Whether these are weights of a <see cref="SwinIr"/>.</summary>
    public static bool IsSwinIr(TensorShapes shapes) => shapes.HasAll("conv_first.weight", FirstBlock + "attn.relative_position_bias_table", "norm.weight");

    /// <summary>The settings.</summary>
    public static SwinIrSettings Network(TensorShapes shapes)
    {
        var groups = shapes.CountBelow("layers.");
        var width = shapes.Size("conv_first.weight", 0);
        var channels = shapes.Size("conv_first.weight", 1);
        var table = Root(shapes.Size(FirstBlock + "attn.relative_position_bias_table", 0));
        var window = (table + 1) / 2;
        var upsampler = shapes.Has("conv_up1.weight") ? "nearest+conv" : !shapes.Has("upsample.0.weight") ? "" : shapes.Has("conv_before_upsample.0.weight") ? "pixelshuffle" : "pixelshuffledirect";
        return new()
        {
            ImgSize = TrainingSize(shapes, window, groups),
            InChans = channels,
            EmbedDim = width,
            Depths = [.. Enumerable.Range(0, groups).Select(group => shapes.CountBelow($"layers.{group}.residual_group.blocks."))],
            NumHeads = [.. Enumerable.Range(0, groups).Select(group => shapes.Size($"layers.{group}.residual_group.blocks.0.attn.relative_position_bias_table", 1))],
            WindowSize = window,
            MlpRatio = shapes.Size(FirstBlock + "mlp.fc1.weight", 0) / (double)width,
            QkvBias = shapes.Has(FirstBlock + "attn.qkv.bias"),
            Ape = shapes.Has("absolute_pos_embed"),
            PatchNorm = shapes.Has("patch_embed.norm.weight"),
            Upsampler = upsampler,
            Upscale = upsampler switch
            {
                "nearest+conv" => shapes.Has("conv_up2.weight") ? 4 : 2,
                "pixelshuffledirect" => Root(shapes.Size("upsample.0.weight", 0) / channels),
                "pixelshuffle" => shapes.Size("upsample.0.weight", 0) == 9 * ShuffledFeatures ? 3 : 1 << (shapes.CountBelow("upsample.") + 1) / 2,
                _ => 1,
            },
            ResiConnection = shapes.Has("conv_after_body.weight") ? "1conv" : "3conv",
            ImgRange = window == JpegWindow ? 255 : 1,
        };
    }

    // Positions or a mask are of that size. Without a mask windows are not shifted: the window is the image, unless there is no block that would shift.
    private static int TrainingSize(TensorShapes shapes, int window, int groups)
    {
        if (shapes.Has("absolute_pos_embed")) return Root(shapes.Size("absolute_pos_embed", 1));
        for (var group = 0; group < groups; group++)
        {
            if (!shapes.Has($"layers.{group}.residual_group.blocks.1.norm1.weight")) continue;
            var mask = $"layers.{group}.residual_group.blocks.1.attn_mask";
            return shapes.Has(mask) ? Root(shapes.Size(mask, 0)) * window : window;
        }
        return 2 * window;
    }

    private static int Root(int square) => (int)Math.Round(Math.Sqrt(square)) is var root && root * root == square ? root : throw new ModelException($"expected a square number in the shapes of a SwinIR, found {square}");
}
