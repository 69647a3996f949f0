using Posterior.Networks.Hdit;

namespace Posterior.Models;

/// <summary>
/// The settings of an <see cref="HditNetwork"/> from names and shapes. What they cannot tell is the kind of attention: neighbourhoods of 7 in all levels but the last is assumed,
/// which sees everything, as k-diffusion's configurations do. Channels, patch and number of images share one number: colour and a square patch are assumed where they fit,
/// then grey and a square patch, else a token is taken for one pixel of so many channels.
/// </summary>
internal static class HditInference
{
    /// <summary>What cards call the architecture.</summary>
    public const string Name = "hdit";

    /// <summary>A key that all have.</summary>
    public const string Anchor = "patch_in.proj.weight";

    private const string Outputs = "patch_out.proj.weight";

    /// <summary>Whether these are weights of an <see cref="HditNetwork"/>.</summary>
    public static bool IsHdit(TensorShapes shapes) => shapes.HasAll(Anchor, Outputs, "time_in_proj.weight", "aug_in_proj.weight", "mapping.in_norm.scale", "out_norm.scale");

    /// <summary>The settings.</summary>
    public static HditSettings Network(TensorShapes shapes)
    {
        string[] levels = [.. Enumerable.Range(0, shapes.CountBelow("down_levels.")).Select(level => $"down_levels.{level}."), "mid_level."];
        var (inputs, outputs) = (shapes.Size(Anchor, 1), shapes.Size(Outputs, 0));
        var degraded = shapes.Keys.FirstOrDefault(key => key.EndsWith(".degradation.map.weight", StringComparison.Ordinal));
        var condition = degraded is not null ? MeasurementCondition.Operator : inputs == 2 * outputs ? MeasurementCondition.Image : MeasurementCondition.None;
        var numbers = condition == MeasurementCondition.None ? inputs : inputs / 2;
        if (numbers == 0 || outputs % numbers != 0) throw new ModelException($"'{Anchor}' has {inputs} inputs and '{Outputs}' {outputs} outputs: expected outputs for a whole number of images");
        var channels = numbers % 3 == 0 && IsSquare(numbers / 3) ? 3 : IsSquare(numbers) ? 1 : numbers;
        var patch = (int)Math.Round(Math.Sqrt(numbers / channels));
        return new HditSettings
        {
            InputChannels = channels,
            PatchSize = [patch, patch],
            Depths = [.. levels.Select(shapes.CountBelow)],
            Widths = [.. levels.Select(level => shapes.Size(level + "0.ff.up_proj.weight", 1))],
            DFfs = [.. levels.Select(level => shapes.Size(level + "0.ff.down_proj.weight", 1))],
            SelfAttns = [.. levels.Select((level, i) => Attention(shapes, level, i == levels.Length - 1))],
            MappingDepth = shapes.CountBelow("mapping.blocks."),
            MappingWidth = shapes.Size("time_in_proj.weight", 0),
            MappingDFf = shapes.Has("mapping.blocks.0.down_proj.weight") ? shapes.Size("mapping.blocks.0.down_proj.weight", 1) : 0,
            MappingCondDim = shapes.Has("mapping_cond_in_proj.weight") ? shapes.Size("mapping_cond_in_proj.weight", 1) : 0,
            NumClasses = shapes.Has("class_emb.weight") ? shapes.Size("class_emb.weight", 0) : 0,
            Condition = condition,
            Activation = degraded is null || shapes.Has(degraded.Replace("map", "gate", StringComparison.Ordinal)) ? MeasurementActivation.Gated : MeasurementActivation.Silu,
            Rescaled = degraded is not null && shapes.Has(degraded.Replace("map.weight", "power", StringComparison.Ordinal)),
            SharedKeys = degraded is not null && shapes.Has(degraded.Replace("degradation.map.weight", "key_share", StringComparison.Ordinal)),
            OutputImages = outputs / numbers,
        };

        static bool IsSquare(int n) => (int)Math.Round(Math.Sqrt(n)) is var root && root * root == n;
    }

    private static HditAttentionSettings Attention(TensorShapes shapes, string level, bool last)
    {
        if (!shapes.Has(level + "0.self_attn.scale")) return new() { Type = HditAttentionType.None };
        var head = shapes.Size(level + "0.self_attn.out_proj.weight", 0) / shapes.Size(level + "0.self_attn.scale", 0);
        return new() { Type = last ? HditAttentionType.Global : HditAttentionType.Neighborhood, DHead = head };
    }
}
