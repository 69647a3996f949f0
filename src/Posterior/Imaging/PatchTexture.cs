using Posterior.Torch;

namespace Posterior.Imaging;

/// <summary>
/// The texture of each patch of an image, and which patches show no more of it than noise does: Liu, Tanaka, Okutomi, "Single-Image Noise Level
/// Estimation for Blind Denoising", IEEE TIP 2013, Sec. III. The texture is the sum of squared central differences inside the patch; for a
/// flat patch with white Gaussian noise it is nearly gamma distributed (their eq. 12), so a quantile of that distribution separates flat patches.
/// </summary>
internal sealed class PatchTexture
{
    /// <summary>The standard normal quantile of the share of flat patches that are kept.</summary>
    private const double Quantile = 2.3263; // 99%

    private readonly Tensor _strength;
    private readonly double _mean, _variance;

    /// <summary>Measures an image.</summary>
    /// <param name="x"><c>[C, H, W]</c>, Float64.</param>
    /// <param name="side">The side of a patch, at least 3.</param>
    public PatchTexture(Tensor x, long side)
    {
        using var scope = new Scope();
        var (c, h, w) = (x.Size(0), x.Size(1), x.Size(2));
        var across = (x.Narrow(1, 1, h - 2).Narrow(2, 2, w - 2) - x.Narrow(1, 1, h - 2).Narrow(2, 0, w - 2)) / 2;
        var down = (x.Narrow(1, 2, h - 2).Narrow(2, 1, w - 2) - x.Narrow(1, 0, h - 2).Narrow(2, 1, w - 2)) / 2;
        var inside = side - 2;
        var energy = (across.Square() + down.Square()).Sum([0], keepDimensions: true);
        _strength = scope.Keep(energy.AveragePool(inside, 1).Squeeze(0) * (inside * inside));
        (_mean, _variance) = Moments((int)side);
        (_mean, _variance) = (_mean * c, _variance * c);
    }

    /// <summary>Which patches (by their first pixel) may be flat under noise of the given variance, Bool <c>[rows, columns]</c>.</summary>
    /// <param name="noiseVariance">The variance of the noise.</param>
    /// <param name="least">The number of patches to choose at least, the flattest ones.</param>
    public Tensor WeakerThan(double noiseVariance, long least)
    {
        using var scope = new Scope();
        // Wilson and Hilferty's quantile of a gamma distribution, from its mean and variance.
        var shape = _mean * _mean / _variance;
        var limit = noiseVariance * _mean * Math.Pow(1 - 1 / (9 * shape) + Quantile / (3 * Math.Sqrt(shape)), 3);
        var chosen = _strength.LessOrEqual(limit);
        if (chosen.To(DType.Float64).Sum().Item() < least)
        {
            using var flat = _strength.Reshape(-1);
            var (ascending, _) = flat.Sort();
            chosen = _strength.LessOrEqual(ascending.Select(0, Math.Min(least, ascending.Count) - 1).Item());
        }
        return scope.Keep(chosen);
    }

    // The texture is the quadratic form n^T A n of the patch's noise: mean tr A, variance 2 tr A^2.
    private static (double Mean, double Variance) Moments(int side)
    {
        var a = new double[side * side, side * side];
        for (var y = 1; y < side - 1; y++)
        {
            for (var x = 1; x < side - 1; x++)
            {
                Add(y * side + x + 1, y * side + x - 1);
                Add((y + 1) * side + x, (y - 1) * side + x);
            }
        }
        double trace = 0, squares = 0;
        for (var i = 0; i < side * side; i++) trace += a[i, i];
        foreach (var value in a) squares += value * value;
        return (trace, 2 * squares);

        // (n_i - n_j)^2 / 4
        void Add(int i, int j)
        {
            a[i, i] += 0.25;
            a[j, j] += 0.25;
            a[i, j] -= 0.25;
            a[j, i] -= 0.25;
        }
    }
}
