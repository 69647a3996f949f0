using System.Globalization;
using Posterior.Operators;

namespace Posterior.Tests.Documentation;

/// <summary>Correction of light that falls off towards the corners.</summary>
/// <param name="Strength">What the corner loses.</param>
public sealed record VignetteSpec(double Strength) : OperatorSpec
{
    /// <summary>The line of the catalogue.</summary>
    public static OperatorEntry Entry { get; } = new(
        "vignette", "vignette:STRENGTH", "vignette:0.5", "Light falls off towards the corners, which lose STRENGTH of it.",
        text => new VignetteSpec(text.Real(text.Argument, "the strength", 0, 0.99))) { Argument = "STRENGTH" };

    /// <inheritdoc/>
    public override string Text => string.Create(CultureInfo.InvariantCulture, $"vignette:{Strength}");

    /// <inheritdoc/>
    protected internal override ForwardOperator Create(OperatorSite site) => new Vignetting(site.Shape, Strength, Text) { DType = site.DType, Device = site.Device };
}
