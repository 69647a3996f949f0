using Posterior.Torch;

namespace Posterior.Metrics;

/// <summary>The squared distance over the squared norm of the truth: 0 for equal images, infinity for others where the truth is black.</summary>
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
        var (distances, norms) = ((x - y).Square().Sum([1, 2, 3]).ToArray<double>(), y.Square().Sum([1, 2, 3]).ToArray<double>());
        return [.. distances.Zip(norms, (distance, norm) => distance == 0 ? 0 : distance / norm)];
    }
}
