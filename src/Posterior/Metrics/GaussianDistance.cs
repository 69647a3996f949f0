using Posterior.Torch;

namespace Posterior.Metrics;

/// <summary>The distance between normal distributions, and the normal distribution that fits samples.</summary>
public static class GaussianDistance
{
    private const double Rounding = 2.220446049250313e-16; // of a double, relative

    /// <summary>
    /// The 2-Wasserstein distance of normal distributions (Dowson, Landau 1982; the covariances' part is the Bures distance):
    /// <c>W^2 = |m1 - m2|^2 + tr(C1 + C2 - 2 (C1^(1/2) C2 C1^(1/2))^(1/2))</c>. It has the unit of the images.
    /// </summary>
    /// <param name="mean">A mean of n elements.</param>
    /// <param name="covariance">Its covariance, <c>[n, n]</c>, Float64, symmetric, positive semi-definite.</param>
    /// <param name="otherMean">The other mean.</param>
    /// <param name="otherCovariance">Its covariance.</param>
    public static double Wasserstein(Tensor mean, Tensor covariance, Tensor otherMean, Tensor otherCovariance) => Math.Sqrt(SquaredWasserstein(mean, covariance, otherMean, otherCovariance));

    /// <summary>
    /// The square of <see cref="Wasserstein"/>, the Frechet distance of features. <c>tr (C1 C2)^(1/2)</c> is the sum of the singular values of <c>L1^T L2</c> with <c>C = L L^T</c>:
    /// no square root of a matrix that is not symmetric, and exact where covariances lack rank.
    /// </summary>
    /// <inheritdoc cref="Wasserstein"/>
    public static double SquaredWasserstein(Tensor mean, Tensor covariance, Tensor otherMean, Tensor otherCovariance)
    {
        using var scope = new Scope();
        using var noGrad = new NoGrad();
        var (first, second) = (Root(covariance), Root(otherCovariance));
        var product = first.Transpose(0, 1).MatMul(second);
        var trace = product.Count == 0 ? 0 : product.SingularValues().Sum().Item();
        var shift = (mean.Reshape(-1) - otherMean.Reshape(-1)).Square().Sum().Item();
        return Math.Max(0, shift + covariance.Diagonal().Sum().Item() + otherCovariance.Diagonal().Sum().Item() - 2 * trace);
    }

    /// <summary>The mean and the covariance of samples.</summary>
    /// <param name="samples"><c>[N, ...]</c> of n elements each, N 2 or more.</param>
    /// <returns><c>[n]</c> and <c>[n, n]</c> with the divisor N - 1, Float64.</returns>
    public static (Tensor Mean, Tensor Covariance) Fit(Tensor samples)
    {
        using var scope = new Scope();
        var vectors = samples.To(DType.Float64).Reshape(samples.Size(0), -1);
        var mean = vectors.Mean([0]);
        var centred = vectors - mean;
        return (scope.Keep(mean), scope.Keep(centred.Transpose(0, 1).MatMul(centred) * (1.0 / (samples.Size(0) - 1))));
    }

    // L [d, r] with C = L L^T; eigenvalues that rounding alone can make are zero.
    private static Tensor Root(Tensor covariance)
    {
        using var scope = new Scope();
        var (values, vectors) = covariance.SymmetricEigen();
        var d = values.Count;
        var least = Math.Max(values.Narrow(0, d - 1, 1).Item(), 0) * d * Rounding;
        var kept = (long)values.Greater(least).To(DType.Int64).Sum().Item();
        return scope.Keep(vectors.Narrow(1, d - kept, kept) * values.Narrow(0, d - kept, kept).Sqrt());
    }
}
