namespace Posterior.Operators;

/// <summary>What the separable blurs have in common: the edges, and which one-dimensional singular values count as zero.</summary>
/// <param name="Boundary">What lies beyond the edges; DDRM's blurs see zeros.</param>
/// <param name="Threshold">One-dimensional singular values below it are zero, from 0 to 1.</param>
public sealed record BlurOptions(Boundary Boundary = Boundary.Zero, double Threshold = SeparableConvolution.DefaultThreshold)
{
    /// <summary>How the options are written, for the catalogue.</summary>
    internal const string Form = "boundary=zero,threshold=0.03";

    /// <summary>Reads the options of a text form.</summary>
    /// <exception cref="OperatorException">One of them is wrong.</exception>
    internal static BlurOptions Read(OperatorText text) =>
        new(text.Choice("boundary", Boundary.Zero), text.Real("threshold", 0, 1) ?? SeparableConvolution.DefaultThreshold);

    /// <summary>The option of a threshold that is not the usual one.</summary>
    internal static string WrittenThreshold(char separator, double threshold) =>
        threshold == SeparableConvolution.DefaultThreshold ? "" : $"{separator}threshold={Text.Of(threshold)}";

    /// <summary>The options that differ from the defaults.</summary>
    /// <param name="separator">A colon when they come first, else a comma.</param>
    internal string Written(char separator)
    {
        var boundary = Boundary == Boundary.Zero ? "" : $"{separator}boundary={Boundary.ToString().ToLowerInvariant()}";
        return boundary + WrittenThreshold(boundary.Length > 0 ? ',' : separator, Threshold);
    }

    /// <summary>The blur.</summary>
    internal SeparableConvolution Create(OperatorSite site, Filter vertical, Filter horizontal, string name) =>
        new(site.Shape, vertical, horizontal, 1, Boundary, Threshold, name: name) { DType = site.DType, Device = site.Device };
}
