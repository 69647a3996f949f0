using System.Globalization;
using Posterior.Imaging;
using Posterior.Torch;

namespace Posterior.Operators;

/// <summary>A soft mask in the middle of the image that grows with the severity; pixels are multiplied by it.</summary>
/// <param name="Severity">The severity of the operator.</param>
public abstract record MaskSeverity(double Severity) : SeveritySpec(Severity)
{
    /// <inheritdoc/>
    public sealed override bool LeavesPixelsOut => true;

    /// <inheritdoc/>
    public override Tensor Degrade(Tensor x, ReadOnlySpan<double> severities)
    {
        using var scope = new Scope();
        var (height, width) = (x.Size(2), x.Size(3));
        return scope.Keep(x * Stack(severities, x, severity => Mask(height, width, severity)).Unsqueeze(1));
    }

    /// <summary>The mask at a severity, <c>[H, W]</c> in double precision: 1 keeps a pixel, 0 removes it.</summary>
    /// <param name="height">Rows.</param>
    /// <param name="width">Columns.</param>
    /// <param name="severity">From 0 to 1.</param>
    public abstract Tensor Mask(long height, long width, double severity);

    /// <inheritdoc/>
    protected internal sealed override ForwardOperator Create(OperatorSite site)
    {
        var mask = Mask(site.Shape.Height, site.Shape.Width, Severity);
        mask *= mask.GreaterOrEqual(Threshold).To(DType.Float64);
        return mask.Greater(0).Any()
            ? new PixelWeights(site.Shape, mask, Text) { DType = site.DType, Device = site.Device }
            : throw new OperatorException($"operator '{Text}': no pixel of {site.Shape.Width}x{site.Shape.Height} is known");
    }

    /// <inheritdoc/>
    private protected sealed override LinearOperator Exact(ImageShape shape, double severity) =>
        new PixelWeights(shape, Mask(shape.Height, shape.Width, severity), (this with { Severity = severity }).Text);
}

/// <summary>
/// A mask with a smooth edge, <c>(1 - f / max f)^power</c> with a centred Gaussian f of a deviation that goes linearly from <paramref name="Min"/> to
/// <paramref name="Max"/> (Fabian et al. 2024, Sec. 4 and App. E).
/// </summary>
/// <param name="Max">The standard deviation at severity 1, in pixels; 50 is the paper's for faces of 256 pixels, 30 for ImageNet.</param>
/// <param name="Min">The standard deviation at severity 0, where the mask is left out.</param>
/// <param name="Power">How sharp the edge is.</param>
/// <param name="Severity">The severity of the operator.</param>
public sealed record GaussianMaskSeverity(double Max = 50, double Min = 0.1, double Power = 4, double Severity = 1) : MaskSeverity(Severity)
{
    // Deviations after which the published Gaussian ends.
    private const double Cut = 4;

    /// <summary>The line of the catalogue.</summary>
    public static OperatorEntry Entry { get; } = new(
        "severity-mask", $"severity-mask[:max=50,min=0.1,power=4,{Form}]", "severity-mask:max=2", "A mask in the middle with a smooth edge, (1 - f / max f)^power; its Gaussian f has a sigma from min at t=0 to max at t=1.",
        text =>
        {
            var spec = new GaussianMaskSeverity(text.Real("max", 0.05, 1000) ?? 50, text.Real("min", 0.05, 1000) ?? 0.1, text.Real("power", 0.1, 100) ?? 4, Read(text));
            if (spec.Min > spec.Max) throw text.Wrong($"'min' must be at most 'max', found {Operators.Text.Of(spec.Min)} and {Operators.Text.Of(spec.Max)}");
            return spec;
        });

    /// <inheritdoc/>
    public override string Text => $"severity-mask:max={Operators.Text.Of(Max)},min={Operators.Text.Of(Min)},power={Operators.Text.Of(Power)}{Written()}";

    /// <inheritdoc/>
    public override Tensor Mask(long height, long width, double severity)
    {
        if (severity == 0) return Tensor.Ones([height, width], DType.Float64);
        using var scope = new Scope();
        var deviation = Min + severity * (Max - Min);
        return scope.Keep((1 - Axis(height).Unsqueeze(1) * Axis(width).Unsqueeze(0)).Pow(Power));

        // On twice the axis, so that hardly anything is folded back, relative to its maximum; then the middle half.
        Tensor Axis(long length)
        {
            var profile = FoldedGaussian.Profile((int)(2 * length), deviation, Cut);
            var largest = profile.Max();
            return Tensor.From([.. profile.Skip((int)(length - length / 2)).Take((int)length).Select(value => value / largest)], length);
        }
    }
}

/// <summary>A box in the middle is missing; its side grows linearly with the severity, a fraction of a pixel as a ring of that weight (Fabian et al. 2024, Fig. 2).</summary>
/// <param name="Size">The side at severity 1, in pixels.</param>
/// <param name="Severity">The severity of the operator.</param>
public sealed record BoxMaskSeverity(double Size, double Severity = 1) : MaskSeverity(Severity)
{
    /// <summary>The line of the catalogue.</summary>
    public static OperatorEntry Entry { get; } = new(
        "severity-box", $"severity-box:size=PIXELS[,{Form}]", "severity-box:size=3", "A box in the middle is missing; its side is size at t=1 and shrinks with t.",
        text => new BoxMaskSeverity(text.Real("size", 0, 100_000) ?? throw text.Wrong("expected 'severity-box:size=PIXELS'"), Read(text)));

    /// <inheritdoc/>
    public override string Text => string.Create(CultureInfo.InvariantCulture, $"severity-box:size={Operators.Text.Of(Size)}{Written()}");

    /// <inheritdoc/>
    public override Tensor Mask(long height, long width, double severity)
    {
        var mask = Tensor.Ones([height, width], DType.Float64);
        using var scope = new Scope();
        var side = Size * severity;
        var whole = (long)Math.Floor(side);
        if (side == 0) return mask;
        Multiply(whole + 1, 1 - (side - whole));
        Multiply(whole, 0);
        return mask;

        void Multiply(long box, double weight)
        {
            var (top, bottom) = Extent(height, box);
            var (left, right) = Extent(width, box);
            if (bottom > top && right > left) mask.Narrow(0, top, bottom - top).Narrow(1, left, right - left).MultiplyInPlace(weight);
        }

        static (long First, long End) Extent(long length, long box)
        {
            var first = length / 2 - box / 2;
            return (Math.Max(0, first), Math.Min(length, first + box));
        }
    }
}
