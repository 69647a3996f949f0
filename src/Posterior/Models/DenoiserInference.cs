using System.Globalization;
using Posterior.Networks.Denoisers;

namespace Posterior.Models;

/// <summary>
/// The settings of KAIR's denoising networks from the names and shapes of their weights. Leaky and plain ReLU leave no trace: plain is assumed, as are means where pixels
/// are pooled. Seven convolutions without normalisation may be DnCNN's or, dilated, IRCNN's, which is tried first; <c>arch</c> tells.
/// </summary>
internal static class DenoiserInference
{
    private const string Chain = "model.";

    /// <summary>Whether these are weights of a <see cref="DnCnn"/>.</summary>
    public static bool IsDnCnn(TensorShapes shapes) => IsChain(shapes) && Inputs(shapes) == Outputs(shapes);

    /// <summary>Whether these are weights of an <see cref="FDnCnn"/>.</summary>
    public static bool IsFDnCnn(TensorShapes shapes) => IsChain(shapes) && Inputs(shapes) == Outputs(shapes) + 1;

    /// <summary>Whether these are weights of an <see cref="IrCnn"/>.</summary>
    public static bool IsIrCnn(TensorShapes shapes) => IsChain(shapes) && Convolutions(shapes).Count == Networks.Denoisers.IrCnn.Depth && Letter(shapes).Length == 0 && Inputs(shapes) == Outputs(shapes);

    /// <summary>Whether these are weights of an <see cref="IrCnnBank"/>.</summary>
    public static bool IsIrCnnBank(TensorShapes shapes) => Banks(shapes) is > 1 and var banks && Enumerable.Range(0, banks).All(i => IsIrCnn(shapes.Below($"{i}."))) && shapes.Keys.All(key => char.IsAsciiDigit(key[0]));

    /// <summary>Whether these are weights of a <see cref="DrUNet"/>.</summary>
    public static bool IsDrUNet(TensorShapes shapes) => shapes.HasAll("m_head.weight", "m_down1.0.res.0.weight", "m_tail.weight") && shapes.HasPrefix("m_up3.");

    /// <summary>The settings of a <see cref="DnCnn"/>.</summary>
    public static DnCnnSettings DnCnn(TensorShapes shapes) =>
        new() { InNc = Inputs(shapes), OutNc = Outputs(shapes), Nc = Width(shapes), Nb = Convolutions(shapes).Count, ActMode = Letter(shapes) + "R" };

    /// <summary>The settings of an <see cref="FDnCnn"/>.</summary>
    public static FDnCnnSettings FDnCnn(TensorShapes shapes) =>
        new() { InNc = Inputs(shapes), OutNc = Outputs(shapes), Nc = Width(shapes), Nb = Convolutions(shapes).Count, ActMode = Letter(shapes) + "R" };

    /// <summary>The settings of an <see cref="IrCnn"/>.</summary>
    public static IrCnnSettings IrCnn(TensorShapes shapes) => new() { InNc = Inputs(shapes), OutNc = Outputs(shapes), Nc = Width(shapes) };

    /// <summary>The settings of an <see cref="IrCnnBank"/>.</summary>
    public static IrCnnBankSettings IrCnnBank(TensorShapes shapes)
    {
        var first = IrCnn(shapes.Below("0."));
        return new() { InNc = first.InNc, OutNc = first.OutNc, Nc = first.Nc, Levels = Banks(shapes) };
    }

    /// <summary>The settings of a <see cref="DrUNet"/>.</summary>
    public static DrUNetSettings DrUNet(TensorShapes shapes)
    {
        var blocks = Enumerable.Range(0, shapes.CountBelow("m_down1.")).Count(i => shapes.Has($"m_down1.{i}.res.0.weight"));
        var norm = shapes.Has("m_down1.0.res.1.running_mean") ? "B" : shapes.Has("m_down1.0.res.1.weight") ? "I" : "";
        return new()
        {
            InNc = shapes.Size("m_head.weight", 1),
            OutNc = shapes.Size("m_tail.weight", 0),
            Nc = [shapes.Size("m_head.weight", 0), Level("m_down2.0"), Level("m_down3.0"), Level(blocks == 1 ? "m_body" : "m_body.0")],
            Nb = blocks,
            ActMode = norm + "R",
            DownsampleMode = shapes.Has($"m_down1.{blocks}.weight") ? DownsampleMode.StrideConv : DownsampleMode.AvgPool,
            UpsampleMode = !shapes.Has("m_up3.0.weight") ? UpsampleMode.UpConv : shapes.Size("m_up3.0.weight", 2) == 2 ? UpsampleMode.ConvTranspose : UpsampleMode.PixelShuffle,
            Bias = shapes.Has("m_head.bias"),
        };

        int Level(string block) => shapes.Size(block + ".res.0.weight", 0);
    }

    private static int Banks(TensorShapes shapes) => shapes.Has("0.model.0.weight") ? shapes.CountBelow("") : 0;

    // Positions of the tensors with a kernel; what lies between has one dimension or none.
    private static List<int> Convolutions(TensorShapes shapes) => [.. shapes.Keys
        .Where(key => key.StartsWith(Chain, StringComparison.Ordinal) && key.EndsWith(".weight", StringComparison.Ordinal) && shapes.Rank(key) == 4)
        .Select(key => int.TryParse(key[Chain.Length..^".weight".Length], NumberStyles.None, CultureInfo.InvariantCulture, out var index) ? index : -1)
        .Where(index => index >= 0).Order()];

    private static bool IsChain(TensorShapes shapes) =>
        shapes.Has("model.0.weight") && shapes.Keys.All(key => key.StartsWith(Chain, StringComparison.Ordinal)) && Convolutions(shapes) is [0, .., var last] && last + 1 == shapes.CountBelow(Chain);

    // The first convolution that normalisation follows is the second.
    private static string Letter(TensorShapes shapes) => shapes.Has("model.3.running_mean") ? "B" : shapes.Has("model.3.weight") ? "I" : "";

    private static int Inputs(TensorShapes shapes) => shapes.Size("model.0.weight", 1);

    private static int Outputs(TensorShapes shapes) => shapes.Size($"{Chain}{Convolutions(shapes)[^1]}.weight", 0);

    private static int Width(TensorShapes shapes) => shapes.Size("model.0.weight", 0);
}
