using System.Globalization;

namespace Posterior.Operators;

/// <summary>Deblurring of a mean over a square.</summary>
/// <param name="Size">Pixels along each side.</param>
/// <param name="Options">Edges and threshold.</param>
public sealed record UniformBlurSpec(int Size, BlurOptions Options) : OperatorSpec
{
    /// <summary>The line of the catalogue.</summary>
    public static OperatorEntry Entry { get; } = new(
        "deblur-uniform", $"deblur-uniform{{SIZE}}[:{BlurOptions.Form}]", "deblur-uniform9", "Deblurring of a mean over SIZE x SIZE pixels.",
        text => new UniformBlurSpec(text.NumberFrom(2, 1001, "size"), BlurOptions.Read(text)))
    { TakesNumber = true };

    /// <inheritdoc/>
    public override string Text => string.Create(CultureInfo.InvariantCulture, $"deblur-uniform{Size}{Options.Written(':')}");

    /// <inheritdoc/>
    protected internal override ForwardOperator Create(OperatorSite site) => Options.Create(site, Filter.Uniform(Size), Filter.Uniform(Size), Text);
}

/// <summary>Deblurring of a Gaussian. The defaults are DDRM's, five taps of a wide Gaussian.</summary>
/// <param name="Sigma">The standard deviation in pixels.</param>
/// <param name="Size">The number of taps along each side.</param>
/// <param name="Options">Edges and threshold.</param>
public sealed record GaussianBlurSpec(double Sigma, int Size, BlurOptions Options) : OperatorSpec
{
    /// <summary>The line of the catalogue.</summary>
    public static OperatorEntry Entry { get; } = new(
        "deblur-gauss", $"deblur-gauss[:sigma=10,size=5,{BlurOptions.Form}]", "deblur-gauss:sigma=3,size=31",
        "Deblurring of a Gaussian; a stated sigma without a size takes 3 sigma to each side.", Parse);

    /// <inheritdoc/>
    public override string Text => string.Create(CultureInfo.InvariantCulture, $"deblur-gauss:sigma={Operators.Text.Of(Sigma)},size={Size}{Options.Written(',')}");

    /// <inheritdoc/>
    protected internal override ForwardOperator Create(OperatorSite site) => Options.Create(site, Filter.Gaussian(Sigma, Size), Filter.Gaussian(Sigma, Size), Text);

    private static GaussianBlurSpec Parse(OperatorText text)
    {
        var sigma = text.Real("sigma", 0.01, 1000);
        var size = text.WholeOrNull("size", 1, 8191) ?? (sigma is { } stated ? 2 * (int)Math.Ceiling(3 * stated) + 1 : 5);
        return new(sigma ?? 10, size, BlurOptions.Read(text));
    }
}

/// <summary>Deblurring of a Gaussian with two widths. The defaults are DDRM's.</summary>
/// <param name="SigmaVertical">The standard deviation along columns, in pixels.</param>
/// <param name="SigmaHorizontal">The standard deviation along rows, in pixels.</param>
/// <param name="Size">The number of taps along each side.</param>
/// <param name="Options">Edges and threshold.</param>
public sealed record AnisotropicBlurSpec(double SigmaVertical, double SigmaHorizontal, int Size, BlurOptions Options) : OperatorSpec
{
    /// <summary>The line of the catalogue.</summary>
    public static OperatorEntry Entry { get; } = new(
        "deblur-aniso", $"deblur-aniso[:sigma-v=1,sigma-h=20,size=9,{BlurOptions.Form}]", "deblur-aniso",
        "Deblurring of a Gaussian that is wide along rows and narrow along columns.",
        text => new AnisotropicBlurSpec(
            text.Real("sigma-v", 0.01, 1000) ?? 1, text.Real("sigma-h", 0.01, 1000) ?? 20, text.Whole("size", 9, 1, 8191), BlurOptions.Read(text)));

    /// <inheritdoc/>
    public override string Text => string.Create(
        CultureInfo.InvariantCulture, $"deblur-aniso:sigma-v={Operators.Text.Of(SigmaVertical)},sigma-h={Operators.Text.Of(SigmaHorizontal)},size={Size}{Options.Written(',')}");

    /// <inheritdoc/>
    protected internal override ForwardOperator Create(OperatorSite site) =>
        Options.Create(site, Filter.Gaussian(SigmaVertical, Size), Filter.Gaussian(SigmaHorizontal, Size), Text);
}

/// <summary>Deblurring of any pair of one-dimensional filters.</summary>
/// <param name="Vertical">The taps along columns, normalised to sum 1, the middle one on the pixel.</param>
/// <param name="Horizontal">The taps along rows, likewise.</param>
/// <param name="Options">Edges and threshold.</param>
public sealed record TapsBlurSpec(IReadOnlyList<double> Vertical, IReadOnlyList<double> Horizontal, BlurOptions Options) : OperatorSpec
{
    private const string Form = $"deblur-taps:v=TAPS,h=TAPS[,{BlurOptions.Form}]";

    /// <summary>The line of the catalogue.</summary>
    public static OperatorEntry Entry { get; } = new(
        "deblur-taps", Form, "deblur-taps:v=1/2/1,h=1/2/4/2/1", "Deblurring of any two one-dimensional filters; taps with slashes between, normalised to sum 1.",
        text => new TapsBlurSpec(text.Reals("v") ?? throw Missing(text), text.Reals("h") ?? throw Missing(text), BlurOptions.Read(text)));

    /// <inheritdoc/>
    public override string Text => $"deblur-taps:v={Written(Vertical)},h={Written(Horizontal)}{Options.Written(',')}";

    /// <inheritdoc/>
    public bool Equals(TapsBlurSpec? other) => Text == other?.Text;

    /// <inheritdoc/>
    public override int GetHashCode() => Text.GetHashCode(StringComparison.Ordinal);

    /// <inheritdoc/>
    protected internal override ForwardOperator Create(OperatorSite site) => Options.Create(site, Filter.Centred(Vertical), Filter.Centred(Horizontal), Text);

    private static OperatorException Missing(OperatorText text) => text.Wrong($"expected '{Form}'");

    private static string Written(IEnumerable<double> taps) => string.Join('/', taps.Select(Operators.Text.Of));
}
