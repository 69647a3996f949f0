using Posterior.Torch;

namespace Posterior.Diffusion;

/// <summary>
/// The exact denoiser of images that are normally distributed: <c>E[x0 | x] = m + C (C + sigma^2 I)^-1 (x - m)</c>. With it a solver's output has a
/// known distribution to be compared with. Its tensors are Float64 and belong to the scope that was open when it was made.
/// </summary>
public sealed class GaussianDenoiser : Denoiser
{
    private readonly Tensor _mean;

    // Diagonal: variances, broadcast to [1, C, H, W]. Full: eigenvalues [n] and, as columns, eigenvectors [n, n].
    private readonly Tensor _variances;
    private readonly Tensor? _basis;

    private GaussianDenoiser(Tensor mean, Tensor variances, Tensor? basis) => (_mean, _variances, _basis) = (mean, variances, basis);

    /// <inheritdoc/>
    public override long? Channels => _mean.Size(1);

    /// <inheritdoc/>
    public override (double Min, double Max) SigmaRange => (0, double.PositiveInfinity);

    /// <summary>The mean image, <c>[1, C, H, W]</c>.</summary>
    public Tensor Mean => _mean;

    /// <summary>The variances of independent pixels, broadcasting to the image; null for a full covariance.</summary>
    internal Tensor? Variances => _basis is null ? _variances : null;

    /// <summary>Independent pixels.</summary>
    /// <param name="mean"><c>[1, C, H, W]</c>.</param>
    /// <param name="variance">Not negative, of the same shape or broadcasting to it.</param>
    public static GaussianDenoiser Diagonal(Tensor mean, Tensor variance) => new(mean.To(DType.Float64), variance.To(DType.Float64), null);

    /// <summary>Independent pixels of equal spread.</summary>
    /// <param name="mean"><c>[1, C, H, W]</c>.</param>
    /// <param name="deviation">The standard deviation of every pixel.</param>
    public static GaussianDenoiser Isotropic(Tensor mean, double deviation) => Diagonal(mean, Tensor.Full([1, 1, 1, 1], deviation * deviation, DType.Float64));

    /// <summary>Any covariance.</summary>
    /// <param name="mean"><c>[1, C, H, W]</c> with n elements.</param>
    /// <param name="covariance">Symmetric, positive semi-definite, <c>[n, n]</c> in the row-major order of the image.</param>
    /// <exception cref="ArgumentException">The shapes do not fit.</exception>
    public static GaussianDenoiser WithCovariance(Tensor mean, Tensor covariance)
    {
        if (covariance.Rank != 2 || covariance.Size(0) != mean.Count || covariance.Size(1) != mean.Count)
            throw new ArgumentException($"the covariance of images of {mean.Count} elements is [{mean.Count}, {mean.Count}], not {covariance}");
        var (values, vectors) = covariance.To(DType.Float64).SymmetricEigen();
        // Rounding leaves eigenvalues of a singular matrix slightly below 0.
        return new(mean.To(DType.Float64), values.ClampInPlace(0, null), vectors);
    }

    /// <summary>The covariance, <c>[n, n]</c>.</summary>
    public Tensor Covariance()
    {
        using var scope = new Scope();
        if (_basis is null) return scope.Keep(_variances.Expand(_mean.Shape).Reshape(-1).Diag());
        return scope.Keep((_basis * _variances).MatMul(_basis.Transpose(0, 1)));
    }

    /// <inheritdoc/>
    public override Tensor Denoise(Tensor x, double sigma)
    {
        using var scope = new Scope();
        // Where nothing varies the mean is certain, also without noise.
        var gain = (_variances / (_variances + sigma * sigma).Clamp(1e-300, null)).To(x.DType).To(x.Device);
        var mean = _mean.To(x.DType).To(x.Device);
        var centred = x - mean;
        if (_basis is null) return scope.Keep(centred.MultiplyInPlace(gain).AddInPlace(mean));
        var basis = _basis.To(x.DType).To(x.Device);
        var coordinates = centred.Reshape(x.Size(0), -1).MatMul(basis);
        return scope.Keep((coordinates * gain).MatMul(basis.Transpose(0, 1)).Reshape(x.Shape) + mean);
    }

    /// <summary>ln of the density of noisy images, <c>N(x; m, C + sigma^2 I)</c>.</summary>
    /// <param name="x"><c>[N, C, H, W]</c>.</param>
    /// <param name="sigma">The standard deviation of their noise.</param>
    /// <returns><c>[N]</c>, Float64: single precision would lose the differences between components of a mixture.</returns>
    public Tensor LogDensity(Tensor x, double sigma)
    {
        using var scope = new Scope();
        var centred = (x.To(DType.Float64).To(_mean.Device) - _mean).Reshape(x.Size(0), -1);
        var variances = (_basis is null ? _variances.Expand(_mean.Shape).Reshape(-1) : _variances) + sigma * sigma;
        if (_basis is not null) centred = centred.MatMul(_basis);
        var exponent = (centred.Square() / variances).Sum([1]);
        return scope.Keep((exponent + (variances.Log().Sum() + _mean.Count * Math.Log(2 * Math.PI))) * -0.5);
    }

    /// <summary>Draws images.</summary>
    /// <param name="count">How many.</param>
    /// <param name="noise">One image-shaped draw is taken from it.</param>
    /// <returns><c>[count, C, H, W]</c>, Float64.</returns>
    public Tensor Sample(long count, NoiseSource noise)
    {
        using var scope = new Scope();
        var z = noise.Normal([count, .. _mean.Shape[1..]], DType.Float64, _mean.Device);
        if (_basis is null) return scope.Keep(z * _variances.Sqrt() + _mean);
        // By the symmetric root of the covariance, which does not depend on the choice of eigenvectors: that differs from one BLAS to another where eigenvalues agree.
        return scope.Keep((z.Reshape(count, -1).MatMul(_basis) * _variances.Sqrt()).MatMul(_basis.Transpose(0, 1)).Reshape(z.Shape) + _mean);
    }

    /// <summary>The distribution of images given a linear measurement of one: the exact answer of every solver.</summary>
    /// <param name="h"><c>H</c>, <c>[m, n]</c> in the row-major order of the image.</param>
    /// <param name="y"><c>[m]</c>.</param>
    /// <param name="sigma">The standard deviation of the measurement's noise; 0 needs independent rows.</param>
    /// <returns>The posterior, again normal, and ln of the density of <paramref name="y"/>.</returns>
    public (GaussianDenoiser Posterior, double LogEvidence) Condition(Tensor h, Tensor y, double sigma)
    {
        using var scope = new Scope();
        var matrix = h.To(DType.Float64);
        var covariance = Covariance();
        var cross = covariance.MatMul(matrix.Transpose(0, 1));
        var inner = matrix.MatMul(cross) + Tensor.Eye(matrix.Size(0), DType.Float64) * (sigma * sigma);
        var residual = (y.To(DType.Float64).Reshape(-1) - matrix.MatMul(_mean.Reshape(-1))).Unsqueeze(1);
        var gain = inner.Solve(cross.Transpose(0, 1)).Transpose(0, 1);
        var mean = _mean + gain.MatMul(residual).Reshape(_mean.Shape);
        var posterior = covariance - gain.MatMul(cross.Transpose(0, 1));
        var result = WithCovariance(mean, (posterior + posterior.Transpose(0, 1)) * 0.5);
        var (_, logDeterminant) = inner.SignLogDeterminant();
        var distance = (residual * inner.Solve(residual)).Sum().Item();
        result.KeepIn(scope);
        return (result, -0.5 * (distance + logDeterminant.Item() + matrix.Size(0) * Math.Log(2 * Math.PI)));
    }

    private void KeepIn(Scope scope)
    {
        scope.Keep(_mean);
        scope.Keep(_variances);
        if (_basis is not null) scope.Keep(_basis);
    }
}
