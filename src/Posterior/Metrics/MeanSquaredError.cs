using Posterior.Torch;

namespace Posterior.Metrics;

/// <summary>The mean of squared differences over channels and pixels.</summary>
public sealed record MeanSquaredError : IMetric
{
    /// <inheritdoc/>
    public string Name => "mse";

    /// <inheritdoc/>
    public string Unit => "";

    /// <inheritdoc/>
    public bool HigherIsBetter => false;

    /// <inheritdoc/>
    public double[] Compare(Tensor estimate, Tensor truth)
    {
        using var scope = new Scope();
        var (x, y) = ImagePair.Double(estimate, truth);
        return (x - y).Square().Mean([1, 2, 3]).ToArray<double>();
    }
}
