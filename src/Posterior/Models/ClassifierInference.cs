using Posterior.Networks.Features;

namespace Posterior.Models;

/// <summary>The settings of a <see cref="ResidualClassifier"/> from the shapes of its weights; colour is assumed where channels and patch share a number.</summary>
internal static class ClassifierInference
{
    /// <summary>Whether these are weights of a <see cref="ResidualClassifier"/>.</summary>
    public static bool IsClassifier(TensorShapes shapes) => shapes.HasAll("stem.weight", "stages.0.0.first_norm.weight", "norm.weight", "classes.weight");

    /// <summary>The settings.</summary>
    public static ResidualClassifierSettings Settings(TensorShapes shapes)
    {
        var stages = shapes.CountBelow("stages.");
        var patched = shapes.Size("stem.weight", 1);
        var channels = patched % 3 == 0 ? 3 : 1;
        var patch = (int)Math.Round(Math.Sqrt(patched / channels));
        if (patch * patch * channels != patched) throw new ModelException($"'stem.weight' has {patched} inputs: expected 1 or 3 channels times a square");
        return new ResidualClassifierSettings
        {
            ImageChannels = channels,
            Classes = shapes.Size("classes.weight", 0),
            Patch = patch,
            Widths = [.. Enumerable.Range(0, stages).Select(stage => shapes.Size($"stages.{stage}.0.first.weight", 0))],
            Blocks = [.. Enumerable.Range(0, stages).Select(stage => shapes.CountBelow($"stages.{stage}."))],
        };
    }
}
