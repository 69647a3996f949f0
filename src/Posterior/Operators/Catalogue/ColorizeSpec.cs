using Posterior.Imaging;

namespace Posterior.Operators;

/// <summary>Colorization of a grey measurement.</summary>
/// <param name="Weights">The weight of each channel; null takes <see cref="Colorization.DefaultWeights"/>.</param>
public sealed record ColorizeSpec(IReadOnlyList<double>? Weights = null) : OperatorSpec
{
    /// <summary>The line of the catalogue.</summary>
    public static OperatorEntry Entry { get; } = new(
        "colorize", "colorize[:weights=0.3333/0.3334/0.3333]", "colorize", "Colorization: the measurement is the weighted sum of the channels.",
        text => new ColorizeSpec(text.Reals("weights")));

    /// <inheritdoc/>
    public override string Text => Weights is null ? "colorize" : $"colorize:weights={string.Join('/', Weights.Select(Operators.Text.Of))}";

    /// <inheritdoc/>
    public bool Equals(ColorizeSpec? other) => Text == other?.Text;

    /// <inheritdoc/>
    public override int GetHashCode() => Text.GetHashCode(StringComparison.Ordinal);

    /// <inheritdoc/>
    protected internal override ForwardOperator Create(OperatorSite site) => new Colorization(site.Shape, Weights, Text) { DType = site.DType, Device = site.Device };

    /// <inheritdoc/>
    protected override ImageShape Infer(IReadOnlyList<long> measurement, (long Height, long Width)? size, IOperatorFiles? files)
    {
        var grey = Image(measurement);
        return grey.Channels == 1
            ? grey with { Channels = Weights?.Count ?? 3 }
            : throw new OperatorException($"operator '{Text}': expected a grey measurement of 1 channel, found {grey.Channels} channels");
    }
}
