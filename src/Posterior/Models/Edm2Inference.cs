using Posterior.Networks.Edm2;

namespace Posterior.Models;

/// <summary>
/// The settings of EDM2's networks from the names and shapes of their weights; the names state the sizes of the levels. The width of attention heads, the balances and the
/// limit of features are not in them: the published ones are assumed.
/// </summary>
internal static class Edm2Inference
{
    private const string Prefix = "unet.", Encoder = Prefix + "enc.", Decoder = Prefix + "dec.";
    private const int PublishedHead = 64;

    /// <summary>Whether these are weights of an <see cref="Edm2Network"/>.</summary>
    public static bool IsEdm2(TensorShapes shapes) => EdmInference.Size(shapes, Prefix) > 0 && shapes.HasAll("unet.emb_fourier.freqs", "unet.out_gain", "logvar_linear.weight");

    /// <summary>The settings.</summary>
    public static Edm2Settings Network(TensorShapes shapes)
    {
        var size = EdmInference.Size(shapes, Prefix);
        List<int> widths = [], attention = [];
        for (var side = size; side > 0 && shapes.Has(Block(side, "conv_res1.weight")); side /= 2)
        {
            widths.Add(shapes.Size(Block(side, "conv_res1.weight"), 0));
            if (shapes.Has(Block(side, "attn_qkv.weight"))) attention.Add(side);
        }
        if (widths.Count == 0) throw new ModelException($"expected blocks '{Encoder}{size}x{size}_block0', found none");
        var (noise, embedding) = (shapes.Size("unet.emb_fourier.freqs", 0), shapes.Size("unet.emb_noise.weight", 0));
        var width = widths.Append(noise).Append(embedding).Aggregate(GreatestDivisor);
        // The first block of the decoder always asks for attention: a level without it there is narrower than a head.
        var unattended = shapes.Has($"{Decoder}{size >> (widths.Count - 1)}x{size >> (widths.Count - 1)}_in0.attn_qkv.weight") ? 0 : widths[^1];
        int[] attended = [.. attention.Select(side => widths[int.Log2(size / side)]), .. unattended == 0 ? [widths[^1]] : Array.Empty<int>()];
        return new Edm2Settings
        {
            ImgResolution = size,
            ImgChannels = shapes.Size($"{Encoder}{size}x{size}_conv.weight", 1) - 1,
            LabelDim = shapes.Has("unet.emb_label.weight") ? shapes.Size("unet.emb_label.weight", 1) : 0,
            ModelChannels = width,
            ChannelMult = [.. widths.Select(level => level / width)],
            ChannelMultNoise = noise == widths[0] ? 0 : noise / width,
            ChannelMultEmb = embedding == widths.Max() ? 0 : embedding / width,
            NumBlocks = shapes.CountBelow($"{Encoder}{size}x{size}_block"),
            AttnResolutions = [.. attention],
            ChannelsPerHead = HeadWidth(attended, unattended),
            LogvarChannels = shapes.Size("logvar_linear.weight", 1),
        };

        static string Block(int side, string key) => $"{Encoder}{side}x{side}_block0.{key}";
    }

    // The published width, no wider than a level that has attention, wider than one that has none for its narrowness, and such that heads divide their levels.
    private static int HeadWidth(int[] attended, int unattended)
    {
        var narrowest = attended.DefaultIfEmpty(PublishedHead).Min();
        var least = Math.Max(Math.Min(PublishedHead, narrowest), unattended + 1);
        for (var head = least; head <= narrowest; head++)
            if (attended.All(width => width % (width / head) == 0)) return head;
        return least;
    }

    private static int GreatestDivisor(int a, int b) => b == 0 ? a : GreatestDivisor(b, a % b);
}
