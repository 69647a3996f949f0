using Posterior.Networks;

namespace Posterior.Models;

/// <summary>The settings of a <see cref="PhotoUNet"/> from the shapes of its weights; only channels and patch share one number, and colour is assumed where it divides.</summary>
internal static class PhotoInference
{
    /// <summary>Whether these are weights of a <see cref="PhotoUNet"/>.</summary>
    public static bool IsPhoto(TensorShapes shapes) => shapes.HasAll("embed.0.weight", "stem.weight", "head.weight", "down.0.0.modulation.weight");

    /// <summary>The settings.</summary>
    public static PhotoUNetSettings UNet(TensorShapes shapes)
    {
        var levels = shapes.CountBelow("down.");
        var patched = shapes.Size("stem.weight", 1);
        var channels = patched % 3 == 0 && IsSquare(patched / 3) ? 3 : 1;
        if (!IsSquare(patched / channels)) throw new ModelException($"'stem.weight' has {patched} inputs: expected 1 or 3 channels times a square");
        return new PhotoUNetSettings
        {
            ImageChannels = channels,
            Classes = shapes.Has("classes.weight") ? shapes.Size("classes.weight", 0) - 1 : 0,
            Patch = (int)Math.Round(Math.Sqrt(patched / channels)),
            Widths = [.. Enumerable.Range(0, levels).Select(level => shapes.Size($"down.{level}.0.second.weight", 0))],
            Blocks = [.. Enumerable.Range(0, levels).Select(level => shapes.CountBelow($"down.{level}."))],
            EmbeddingWidth = shapes.Size("embed.0.weight", 0),
        };

        static bool IsSquare(int n) => (int)Math.Round(Math.Sqrt(n)) is var root && root * root == n;
    }
}
