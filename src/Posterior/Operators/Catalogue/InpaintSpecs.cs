using System.Globalization;
using Posterior.Torch;

namespace Posterior.Operators;

/// <summary>Inpainting with a mask of some kind.</summary>
public abstract record InpaintSpec : OperatorSpec
{
    /// <inheritdoc/>
    public sealed override bool LeavesPixelsOut => true;

    /// <summary>The mask, <c>[H, W]</c>: 1 is known, 0 is missing.</summary>
    protected abstract Tensor Mask(OperatorSite site);

    /// <inheritdoc/>
    protected internal sealed override ForwardOperator Create(OperatorSite site)
    {
        var mask = Mask(site);
        return mask.Greater(0).Any()
            ? new Inpainting(site.Shape, mask, Text) { DType = site.DType, Device = site.Device }
            : throw new OperatorException($"operator '{Text}': no pixel of {site.Shape.Width}x{site.Shape.Height} is known");
    }
}

/// <summary>Inpainting with a mask from a file.</summary>
/// <param name="Path">An image or an array as large as the image; a value of 1/2 or more is a known pixel.</param>
public sealed record InpaintFileSpec(string Path) : InpaintSpec
{
    /// <summary>The line of the catalogue.</summary>
    public static OperatorEntry Entry { get; } = new(
        "inpaint", "inpaint:FILE", "inpaint:mask.png", "Missing pixels: black in a mask image of the same size, white is known.", text => new InpaintFileSpec(text.Argument))
    { Argument = "FILE" };

    /// <inheritdoc/>
    public override string? NamedFile => Path;

    /// <inheritdoc/>
    public override OperatorSpec WithFile(string path) => this with { Path = path };

    /// <inheritdoc/>
    public override string Text => $"inpaint:{Path}";

    /// <inheritdoc/>
    protected override Tensor Mask(OperatorSite site) => site.LoadPlane(Path).GreaterOrEqual(0.5).To(DType.Float64);
}

/// <summary>Inpainting of random pixels.</summary>
/// <param name="Missing">The fraction of missing pixels, from 0 to 1.</param>
/// <param name="Seed">Chooses the pixels.</param>
public sealed record InpaintRandomSpec(double Missing, int Seed = 0) : InpaintSpec
{
    /// <summary>The line of the catalogue.</summary>
    public static OperatorEntry Entry { get; } = new(
        "inpaint-random", "inpaint-random:FRACTION[,seed=0]", "inpaint-random:0.5", "A random fraction of the pixels is missing.",
        text => new InpaintRandomSpec(text.Real(text.Argument, "the fraction of missing pixels", 0, 1), text.Whole("seed", 0, 0, int.MaxValue)))
    { Argument = "FRACTION" };

    /// <inheritdoc/>
    public override string Text => $"inpaint-random:{Operators.Text.Of(Missing)}{(Seed == 0 ? "" : string.Create(CultureInfo.InvariantCulture, $",seed={Seed}"))}";

    /// <inheritdoc/>
    protected override Tensor Mask(OperatorSite site) => Masks.Random(site.Shape, Missing, (ulong)Seed);
}

/// <summary>Inpainting of a rectangle.</summary>
/// <param name="X">The left column.</param>
/// <param name="Y">The top row.</param>
/// <param name="Width">Columns.</param>
/// <param name="Height">Rows.</param>
public sealed record InpaintBoxSpec(int X, int Y, int Width, int Height) : InpaintSpec
{
    private const string Form = "inpaint-box:X,Y,W,H";

    /// <summary>The line of the catalogue.</summary>
    public static OperatorEntry Entry { get; } = new(
        "inpaint-box", Form, "inpaint-box:1,1,2,2", "A rectangle is missing: left column, top row, columns, rows.", Parse)
    { Argument = "X,Y,W,H" };

    /// <inheritdoc/>
    public override string Text => string.Create(CultureInfo.InvariantCulture, $"inpaint-box:{X},{Y},{Width},{Height}");

    /// <inheritdoc/>
    protected override Tensor Mask(OperatorSite site) => Masks.Box(site.Shape, X, Y, Width, Height);

    private static InpaintBoxSpec Parse(OperatorText text)
    {
        var numbers = text.Argument.Split(',').Select(part => int.TryParse(part, NumberStyles.None, CultureInfo.InvariantCulture, out var value) ? value : -1).ToArray();
        return numbers is [>= 0 and var x, >= 0 and var y, > 0 and var w, > 0 and var h]
            ? new(x, y, w, h)
            : throw text.Wrong($"expected '{Form}' with four whole numbers, W and H positive, found '{text.Argument}'");
    }
}

/// <summary>Inpainting under lines of text.</summary>
/// <param name="Words">What is written.</param>
/// <param name="Size">The height of letters in pixels; null takes an eighth of the image's height.</param>
public sealed record InpaintTextSpec(string Words, int? Size = null) : InpaintSpec
{
    /// <summary>The line of the catalogue.</summary>
    public static OperatorEntry Entry { get; } = new(
        "inpaint-text", "inpaint-text:WORDS[,size=PIXELS]", "inpaint-text:SAMPLE", "Lines of text over the whole image are missing.",
        text => new InpaintTextSpec(text.Argument, text.WholeOrNull("size", 7, 100_000)))
    { Argument = "WORDS" };

    /// <inheritdoc/>
    public override string Text => $"inpaint-text:{Words}{(Size is { } size ? string.Create(CultureInfo.InvariantCulture, $",size={size}") : "")}";

    /// <inheritdoc/>
    protected override Tensor Mask(OperatorSite site) => Masks.Lettered(site.Shape, Words, Size);
}
