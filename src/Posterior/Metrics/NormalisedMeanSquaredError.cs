using Posterior.Torch;

namespace Posterior.Metrics;

/// <summary>The squared distance over the squared norm of the truth.</summary>
public sealed record NormalisedMeanSquaredError : IMetric
{
    /// <inheritdoc/>
    public string Name => "nmse";

    /// <inheritdoc/>
    public string Unit => "";

    /// <inheritdoc/>
    public bool HigherIsBetter => false;

    /// <inheritdoc/>
    public double[] Compare(Tensor estimate, Tensor truth)
    {
        using var scope = new Scope();
        var (x, y) = ImagePair.Double(estimate, truth);
        return ((x - y).Square().Sum([1, 2, 3]) / y.Square().Sum([1, 2, 3])).ToArray<double>();
    }
}
