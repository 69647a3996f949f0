namespace Posterior.Torch.Nn;

/// <summary>
/// Resampling by the factor 2 with one separable filter for every channel: a convolution of stride 2, or its transpose. On the CPU, on channels-last memory, in one pass,
/// forward and backward (<see cref="FastPath"/>); ATen's grouped transposed convolution works channel by channel.
/// </summary>
public static class SeparableResampling
{
    // How far a filter may be from the product of its margins, relative to its sum of 1.
    private const double Tolerance = 1e-6;

    /// <summary>The one-dimensional filter whose product with itself a square filter is; null where there is none.</summary>
    /// <param name="filter"><c>[1, 1, k, k]</c>, of sum 1.</param>
    public static double[]? Taps(Tensor filter)
    {
        using var scope = new Scope();
        var (size, square) = ((int)filter.Size(2), filter.To(DType.Float64).ToArray<double>());
        double[] taps = [.. Enumerable.Range(0, size).Select(i => Enumerable.Range(0, size).Sum(j => square[i * size + j]))];
        return square.Where((value, place) => Math.Abs(value - taps[place / size] * taps[place % size]) > Tolerance).Any() ? null : taps;
    }

    /// <summary>Resamples images.</summary>
    /// <param name="x"><c>[N, C, H, W]</c>.</param>
    /// <param name="filter"><c>[1, 1, k, k]</c>.</param>
    /// <param name="taps">Its <see cref="Taps"/>.</param>
    /// <param name="border">The zeros around the image.</param>
    /// <param name="up">Whether the image grows: the transpose.</param>
    /// <param name="gain">What the result is multiplied by.</param>
    public static Tensor Forward(Tensor x, Tensor filter, double[]? taps, long border, bool up, double gain = 1)
    {
        var root = Math.Sqrt(gain);
        return (taps is null ? null : FastPath.Resample(x, [.. taps.Select(tap => tap * root)], border, up)) ?? ThroughAten(x, filter, border, up, gain);
    }

    private static Tensor ThroughAten(Tensor x, Tensor filter, long border, bool up, double gain)
    {
        using var scope = new Scope();
        // libtorch's transposed convolutions of channels-last bfloat16 come out in a wrong shape (seen in 1.13).
        var y = x.DType == DType.BFloat16 ? x.To(DType.Float32) : x;
        var kernels = filter.To(y.DType).Repeat(x.Size(1), 1, 1, 1) * gain;
        y = up ? y.ConvTranspose2d(kernels, null, stride: 2, padding: border, groups: x.Size(1)) : y.Conv2d(kernels, null, stride: 2, padding: border, groups: x.Size(1));
        return scope.Keep(y.To(x.DType));
    }
}
