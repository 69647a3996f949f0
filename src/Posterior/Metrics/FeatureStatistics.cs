using Posterior.Torch;

namespace Posterior.Metrics;

/// <summary>
/// Mean and covariance of feature vectors, for the Frechet distance of two sets (Heusel et al. 2017, Eq. 6). On Inception's pooled features it is the FID; on any
/// other network's it is not called so.
/// </summary>
public sealed class FeatureStatistics : IDisposable
{
    private FeatureStatistics(long count, Tensor mean, Tensor covariance) => (Count, Mean, Covariance) = (count, mean, covariance);

    /// <summary>The number of vectors.</summary>
    public long Count { get; }

    /// <summary>Their mean, <c>[d]</c>, Float64.</summary>
    public Tensor Mean { get; }

    /// <summary>Their covariance with divisor n - 1, <c>[d, d]</c>, Float64.</summary>
    public Tensor Covariance { get; }

    /// <summary>By how much the covariance falls short of full rank: d - (n - 1) where positive, else 0. A distance from so few vectors is biased upwards.</summary>
    public long RankDeficit => Math.Max(0, Mean.Count - (Count - 1));

    /// <summary>The statistics of vectors.</summary>
    /// <param name="features"><c>[n, d]</c>, at least two.</param>
    /// <exception cref="ArgumentException">They are not vectors, or fewer than two, or not finite.</exception>
    public static FeatureStatistics Of(Tensor features)
    {
        if (features.Rank != 2 || features.Size(0) < 2) throw new ArgumentException($"statistics need at least two feature vectors [n, d], found {features}");
        using var scope = new Scope();
        using var noGrad = new NoGrad();
        if (!features.IsFinite().All()) throw new ArgumentException("feature vectors hold NaN or infinities");
        var mean = features.To(Device.Cpu).To(DType.Float64).Mean([0]);
        var d = features.Size(1);
        var covariance = Tensor.Zeros([d, d], DType.Float64);
        // In blocks: a copy of all features in double precision would be twice the features.
        const long Block = 1024;
        for (var from = 0L; from < features.Size(0); from += Block)
        {
            using var part = new Scope();
            var centred = features.Narrow(0, from, Math.Min(Block, features.Size(0) - from)).To(Device.Cpu).To(DType.Float64) - mean;
            covariance.AddInPlace(centred.Transpose(0, 1).MatMul(centred));
        }
        covariance.MultiplyInPlace(1.0 / (features.Size(0) - 1));
        return new(features.Size(0), mean.Own(), covariance.Own());
    }

    /// <summary><c>|m1 - m2|^2 + tr C1 + tr C2 - 2 tr (C1 C2)^(1/2)</c>, by <see cref="GaussianDistance.SquaredWasserstein"/>.</summary>
    /// <exception cref="ArgumentException">The vectors are of another length.</exception>
    public double FrechetDistance(FeatureStatistics other) => Mean.Count == other.Mean.Count
        ? GaussianDistance.SquaredWasserstein(Mean, Covariance, other.Mean, other.Covariance)
        : throw new ArgumentException($"feature vectors of {Mean.Count} and of {other.Mean.Count} numbers cannot be compared");

    /// <summary>Statistics that were computed before.</summary>
    /// <param name="count">The number of vectors.</param>
    /// <param name="mean"><c>[d]</c>, Float64; it becomes the statistics'.</param>
    /// <param name="covariance"><c>[d, d]</c>, Float64; it becomes the statistics'.</param>
    /// <exception cref="ArgumentException">The shapes do not go together.</exception>
    public static FeatureStatistics From(long count, Tensor mean, Tensor covariance)
    {
        if (count < 2 || mean.Rank != 1 || !covariance.Shape.SequenceEqual([mean.Count, mean.Count])) throw new ArgumentException($"{count} vectors with a mean {mean} and a covariance {covariance} are no statistics");
        return new(count, mean.To(DType.Float64).Own(), covariance.To(DType.Float64).Own());
    }

    /// <summary>Frees the tensors.</summary>
    public void Dispose()
    {
        Mean.Dispose();
        Covariance.Dispose();
    }
}
