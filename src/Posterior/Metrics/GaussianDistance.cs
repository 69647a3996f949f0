using Posterior.Torch;

namespace Posterior.Metrics;

/// <summary>The distance between normal distributions, and the normal distribution that fits samples.</summary>
public static class GaussianDistance
{
    /// <summary>
    /// The 2-Wasserstein distance of normal distributions (Dowson, Landau 1982; the covariances' part is the Bures distance):
    /// <c>W^2 = |m1 - m2|^2 + tr(C1 + C2 - 2 (C1^(1/2) C2 C1^(1/2))^(1/2))</c>. It has the unit of the images.
    /// </summary>
    /// <param name="mean">A mean of n elements.</param>
    /// <param name="covariance">Its covariance, <c>[n, n]</c>, Float64, symmetric, positive semi-definite.</param>
    /// <param name="otherMean">The other mean.</param>
    /// <param name="otherCovariance">Its covariance.</param>
    public static double Wasserstein(Tensor mean, Tensor covariance, Tensor otherMean, Tensor otherCovariance)
    {
        using var scope = new Scope();
        var root = Root(covariance);
        var shift = (mean.Reshape(-1) - otherMean.Reshape(-1)).Square().Sum().Item();
        var product = root.MatMul(otherCovariance).MatMul(root);
        var (values, _) = ((product + product.Transpose(0, 1)) * 0.5).SymmetricEigen();
        // Rounding leaves eigenvalues of singular matrices slightly below 0.
        var common = values.Clamp(0, null).Sqrt().Sum().Item();
        return Math.Sqrt(Math.Max(0, shift + covariance.Diagonal().Sum().Item() + otherCovariance.Diagonal().Sum().Item() - 2 * common));
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

    private static Tensor Root(Tensor covariance)
    {
        var (values, vectors) = covariance.SymmetricEigen();
        return (vectors * values.Clamp(0, null).Sqrt()).MatMul(vectors.Transpose(0, 1));
    }
}
