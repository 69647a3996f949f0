using System.Globalization;
using Posterior.Imaging;
using Posterior.Torch;

namespace Posterior.Operators;

/// <summary>
/// Gaussian blur of growing width (Fabian et al. 2024, App. E): the standard deviation goes linearly from <paramref name="Min"/> to <paramref name="Max"/>, the edges are
/// mirrored. At severity 0 an imperceptible blur remains.
/// </summary>
/// <param name="Max">The standard deviation at severity 1, in pixels.</param>
/// <param name="Min">The standard deviation at severity 0.</param>
/// <param name="Size">Taps along each side, odd.</param>
/// <param name="Severity">The severity of the operator.</param>
public sealed record BlurSeverity(double Max = 3, double Min = 0.3, int Size = 61, double Severity = 1) : SeveritySpec(Severity)
{
    // Deviations after which the published kernels end.
    private const double Cut = 6;

    /// <summary>The line of the catalogue.</summary>
    public static OperatorEntry Entry { get; } = new(
        "severity-blur", $"severity-blur[:max=3,min=0.3,size=61,{Form}]", "severity-blur:max=2,size=31", "Gaussian blur of a severity t: its sigma goes from min at t=0 to max at t=1.", Parse);

    /// <inheritdoc/>
    public override string Text => string.Create(CultureInfo.InvariantCulture, $"severity-blur:max={Operators.Text.Of(Max)},min={Operators.Text.Of(Min)},size={Size}{Written()}");

    /// <summary>The standard deviation at a severity.</summary>
    public double Deviation(double severity) => Min + severity * (Max - Min);

    /// <summary>The one-dimensional kernel at a severity.</summary>
    public Filter Kernel(double severity) => new(FoldedGaussian.Profile(Size, Deviation(severity), Cut), -(Size / 2));

    /// <inheritdoc/>
    public override Tensor Degrade(Tensor x, ReadOnlySpan<double> severities)
    {
        using var scope = new Scope();
        var (height, width) = (x.Size(2), x.Size(3));
        var v = Stack(severities, x, severity => Kernel(severity).Matrix(height, 1, Boundary.Reflect)).Unsqueeze(1);
        var h = height == width ? v : Stack(severities, x, severity => Kernel(severity).Matrix(width, 1, Boundary.Reflect)).Unsqueeze(1);
        return scope.Keep(v.MatMul(x).MatMul(h.Transpose(2, 3)));
    }

    /// <inheritdoc/>
    protected internal override ForwardOperator Create(OperatorSite site) =>
        new SeparableConvolution(site.Shape, Kernel(Severity), Kernel(Severity), 1, Boundary.Reflect, Threshold, name: Text) { DType = site.DType, Device = site.Device };

    /// <inheritdoc/>
    private protected override LinearOperator Exact(ImageShape shape, double severity)
    {
        var kernel = Kernel(severity);
        return new MatrixPair(shape, kernel.Matrix(shape.Height, 1, Boundary.Reflect), kernel.Matrix(shape.Width, 1, Boundary.Reflect), (this with { Severity = severity }).Text);
    }

    private static BlurSeverity Parse(OperatorText text)
    {
        var spec = new BlurSeverity(text.Real("max", 0.05, 1000) ?? 3, text.Real("min", 0.05, 1000) ?? 0.3, text.Whole("size", 61, 1, 8191), Read(text));
        if (spec.Min > spec.Max) throw text.Wrong($"'min' must be at most 'max', found {Operators.Text.Of(spec.Min)} and {Operators.Text.Of(spec.Max)}");
        return spec.Size % 2 == 1 ? spec : throw text.Wrong($"'size' must be odd, found {spec.Size}");
    }
}
