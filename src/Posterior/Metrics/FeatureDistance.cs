using Posterior.Diffusion;
using Posterior.Imaging;
using Posterior.Networks.Features;
using Posterior.Torch;

namespace Posterior.Metrics;

/// <summary>
/// How far an estimate and the truth are apart for a classifier: the squared differences of its unit-normalised activations, averaged over each stage's pixels and added over its stages. It is
/// what LPIPS (Zhang et al. 2018, Eq. 1) is before people's judgements weight the channels, on a network that is at hand; named after that network, because its values compare with no other's.
/// </summary>
/// <param name="network">The classifier; it stays the caller's.</param>
/// <param name="networkName">The name of the network.</param>
public sealed class FeatureDistance(ResidualClassifier network, string networkName) : IMetric
{
    /// <summary>What the names of such metrics begin with.</summary>
    public const string Prefix = "features-";

    /// <inheritdoc/>
    public string Name => Prefix + networkName;

    /// <inheritdoc/>
    public string Unit => "";

    /// <inheritdoc/>
    public bool HigherIsBetter => false;

    /// <summary>The names of those whose networks are known; others have the same form.</summary>
    public static IReadOnlyList<string> Names { get; } = [Prefix + SetMetric.Thumbnails];

    /// <summary>The network that a metric's name means; null where it is another kind of metric.</summary>
    public static string? NetworkOf(string name) => name.StartsWith(Prefix, StringComparison.Ordinal) && name.Length > Prefix.Length ? name[Prefix.Length..] : null;

    /// <inheritdoc/>
    /// <remarks>Sides that are no multiples of the network's coarsest pixel are continued by their mirror image.</remarks>
    public double[] Compare(Tensor estimate, Tensor truth)
    {
        ImagePair.Check(estimate, truth);
        using var scope = new Scope();
        using var noGrad = new NoGrad();
        var sum = Tensor.Zeros([estimate.Size(0)]);
        foreach (var (a, b) in Activations(estimate).Zip(Activations(truth)))
            sum += (Lpips.Normalised(a) - Lpips.Normalised(b)).Square().Sum([1]).Mean([1, 2]);
        return sum.To(DType.Float64).ToArray<double>();
    }

    private IReadOnlyList<Tensor> Activations(Tensor unit) =>
        network.Stages(ImageBorder.Extend(ValueRange.ToSigned(Colour.ToColour(unit).To(DType.Float32)), network.SizeMultiple));
}
