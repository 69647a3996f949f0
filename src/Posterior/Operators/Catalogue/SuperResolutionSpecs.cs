using System.Globalization;
using Posterior.Imaging;

namespace Posterior.Operators;

/// <summary>Super-resolution of block averages.</summary>
/// <param name="Factor">The size of a block, 2 to 256.</param>
public sealed record BlockAverageSpec(int Factor) : OperatorSpec
{
    /// <summary>The line of the catalogue.</summary>
    public static OperatorEntry Entry { get; } = new(
        "sr", "sr{FACTOR}", "sr4", "Super-resolution: each measured pixel is the mean of a FACTOR x FACTOR block.",
        text => new BlockAverageSpec(text.NumberFrom(2, 256, "factor")))
    { TakesNumber = true };

    /// <inheritdoc/>
    public override string Text => string.Create(CultureInfo.InvariantCulture, $"sr{Factor}");

    /// <inheritdoc/>
    public override int RequiredMultiple => Factor;

    /// <inheritdoc/>
    protected internal override ForwardOperator Create(OperatorSite site) => new BlockAverage(site.Shape, Factor) { DType = site.DType, Device = site.Device };

    /// <inheritdoc/>
    protected override ImageShape Infer(IReadOnlyList<long> measurement, (long Height, long Width)? size, IOperatorFiles? files) => Enlarged(measurement, Factor);
}

/// <summary>Super-resolution of bicubic downsampling, with anti-aliasing and mirrored edges.</summary>
/// <param name="Factor">The factor, 2 to 256.</param>
/// <param name="Threshold">One-dimensional singular values below it are zero.</param>
public sealed record BicubicSpec(int Factor, double Threshold = SeparableConvolution.DefaultThreshold) : OperatorSpec
{
    /// <summary>The line of the catalogue.</summary>
    public static OperatorEntry Entry { get; } = new(
        "sr-bicubic", "sr-bicubic{FACTOR}[:threshold=0.03]", "sr-bicubic4", "Super-resolution of bicubic downsampling (Keys' kernel, a = -1/2, anti-aliased).",
        text => new BicubicSpec(text.NumberFrom(2, 256, "factor"), text.Real("threshold", 0, 1) ?? SeparableConvolution.DefaultThreshold))
    { TakesNumber = true };

    /// <inheritdoc/>
    public override string Text => string.Create(CultureInfo.InvariantCulture, $"sr-bicubic{Factor}{BlurOptions.WrittenThreshold(':', Threshold)}");

    /// <inheritdoc/>
    public override int RequiredMultiple => Factor;

    /// <inheritdoc/>
    protected internal override ForwardOperator Create(OperatorSite site)
    {
        var filter = Filter.Bicubic(Factor);
        return new SeparableConvolution(site.Shape, filter, filter, Factor, Boundary.Symmetric, Threshold, name: Text) { DType = site.DType, Device = site.Device };
    }

    /// <inheritdoc/>
    protected override ImageShape Infer(IReadOnlyList<long> measurement, (long Height, long Width)? size, IOperatorFiles? files) => Enlarged(measurement, Factor);
}
