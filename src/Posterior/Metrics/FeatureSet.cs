using Posterior.Torch;

namespace Posterior.Metrics;

/// <summary>The features of a set of images with their statistics.</summary>
/// <param name="features"><c>[n, d]</c>, n at least 2; they become the set's.</param>
/// <param name="statistics">Their statistics, which become the set's; null computes them.</param>
public sealed class FeatureSet(Tensor features, FeatureStatistics? statistics = null) : IDisposable
{
    /// <summary>The features, <c>[n, d]</c>.</summary>
    public Tensor Features { get; } = features.Own();

    /// <summary>Their mean and covariance.</summary>
    public FeatureStatistics Statistics { get; } = statistics ?? FeatureStatistics.Of(features);

    /// <summary>Frees the tensors.</summary>
    public void Dispose()
    {
        Features.Dispose();
        Statistics.Dispose();
    }
}
