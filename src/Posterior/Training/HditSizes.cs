using System.Text.Json;
using System.Text.Json.Nodes;
using Posterior.Models;
using Posterior.Networks.Hdit;
using Posterior.Torch;

namespace Posterior.Training;

/// <summary>The sizes of HDiT that <c>posterior train</c> trains, by name. All widths allow feature degradation layers for colour images.</summary>
public static class HditSizes
{
    private static readonly (string Name, string Description, HditSettings Settings)[] _all =
    [
        ("hdit-thumb", "32x32 images: 256, 64 and 16 tokens", Sizes(2, [2, 2, 2], [96, 192, 384], 32)),
        ("hdit-thumb4", "the same in patches of 4, a third of the time: 64 and 16 tokens", Sizes(4, [2, 2], [192, 384], 64)),
        ("hdit-thumb4-deep", "nine layers that see the operator in place of six: four of 64 tokens each way, one of 16", Sizes(4, [4, 1], [192, 384], 64)),
        ("hdit-tiny", "minutes of work: for trials", Sizes(4, [1, 1], [48, 192], 16)),
        ("hdit-64", "InvFussion's own for 64x64 images (Table 5), for a GPU", Sizes(2, [2, 2, 8], [384, 768, 1536], 64)),
    ];

    /// <summary>The names.</summary>
    public static IEnumerable<string> Names => _all.Select(entry => entry.Name);

    /// <summary>The settings of a name.</summary>
    /// <exception cref="TrainingException">There is none of that name.</exception>
    public static HditSettings Find(string name)
    {
        foreach (var entry in _all)
        {
            if (entry.Name == name) return entry.Settings;
        }
        throw new TrainingException($"no network is called '{name}'{Spelling.Suggest(name, Names)} (there are {string.Join(", ", Names)})");
    }

    /// <summary>A network with random weights.</summary>
    /// <param name="settings">Its sizes.</param>
    /// <param name="context">The training.</param>
    /// <param name="outputs">The standard deviation of the first outputs; 0 for a network that starts as zero.</param>
    /// <exception cref="TrainingException">The crop does not fit the network.</exception>
    public static HditNetwork Build(HditSettings settings, TrainingContext context, double outputs = 0)
    {
        var network = new HditNetwork(settings) { ActivationType = context.Activations };
        context.RequireCropFor(network, network.SizeMultiple);
        network.Initialise(new SeededNoise(context.Seed), outputs);
        return network;
    }

    /// <summary>The settings as a card holds them.</summary>
    public static JsonObject Card(HditSettings settings) => JsonSerializer.SerializeToNode(settings, ModelJson.Default.HditSettings)!.AsObject();

    // Inner widths as k-diffusion's defaults: 8/3 of the width.
    private static HditSettings Sizes(int patch, int[] depths, int[] widths, int head) => new()
    {
        PatchSize = [patch, patch],
        Depths = depths,
        Widths = widths,
        DFfs = [.. widths.Select(width => width * 8 / 3)],
        SelfAttns = [.. widths.Select((_, level) => new HditAttentionSettings { Type = level == widths.Length - 1 ? HditAttentionType.Global : HditAttentionType.Neighborhood, DHead = head, KernelSize = 7 })],
    };
}
