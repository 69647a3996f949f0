using System.Globalization;
using Posterior.Torch;

namespace Posterior.Metrics;

/// <summary>
/// The structural similarity of Wang, Bovik, Sheikh, Simoncelli (2004) for images in [0, 1], eq. 13 with C1 = 0.01^2 and C2 = 0.03^2, per channel, then averaged.
/// By default the paper's definition: an 11 x 11 Gaussian window with standard deviation 1.5, population moments, averaged where the window fits.
/// </summary>
/// <param name="Variant">Another published definition.</param>
public sealed record Ssim(SsimVariant Variant = SsimVariant.Gaussian) : IMetric
{
    private const double C1 = 0.01 * 0.01, C2 = 0.03 * 0.03;

    /// <inheritdoc/>
    public string Name => Variant switch
    {
        SsimVariant.ReflectFull => "ssim-reflect-full",
        SsimVariant.ZeroPad => "ssim-zero-pad",
        SsimVariant.Uniform7 => "ssim-uniform7",
        _ => "ssim",
    };

    /// <inheritdoc/>
    public string Unit => "";

    /// <inheritdoc/>
    public bool HigherIsBetter => true;

    private int Side => Variant == SsimVariant.Uniform7 ? 7 : 11;

    /// <inheritdoc/>
    public double[] Compare(Tensor estimate, Tensor truth)
    {
        using var map = Map(estimate, truth);
        using var mean = map.Mean([1, 2, 3]);
        return mean.ToArray<double>();
    }

    /// <summary>The similarity at each position of the window.</summary>
    /// <returns><c>[N, C, h, w]</c>, Float64: h = H - 10 where the window must fit (H - 6 for <see cref="SsimVariant.Uniform7"/>), else H.</returns>
    /// <exception cref="ArgumentException">The shapes differ, or the images are smaller than the window.</exception>
    public Tensor Map(Tensor estimate, Tensor truth)
    {
        using var scope = new Scope();
        var (x, y) = ImagePair.Double(estimate, truth);
        var (n, c, h, w) = (x.Size(0), x.Size(1), x.Size(2), x.Size(3));
        if (Math.Min(h, w) < Side) throw new ArgumentException(string.Create(CultureInfo.InvariantCulture, $"SSIM needs images of at least {Side} x {Side} pixels, not {w} x {h}"));
        (x, y) = (Prepare(x.Reshape(n * c, 1, h, w)).Contiguous(), Prepare(y.Reshape(n * c, 1, h, w)).Contiguous());
        (h, w) = (x.Size(2), x.Size(3));
        var map = Tensor.Zeros([n, c, h - Side + 1, w - Side + 1], DType.Float64);
        var (plane, positions) = (checked((int)(h * w)), checked((int)((h - Side + 1) * (w - Side + 1))));
        var window = Window();
        Parallel.For(0, checked((int)(n * c)), i =>
            Plane(new WindowedMoments(window, (int)w), x.Memory<double>().Slice(i * plane, plane), y.Memory<double>().Slice(i * plane, plane), map.Memory<double>().Slice(i * positions, positions), (int)w));
        return scope.Keep(map);
    }

    private void Plane(WindowedMoments moments, ReadOnlySpan<double> x, ReadOnlySpan<double> y, Span<double> map, int width)
    {
        // Sample covariances divide by n - 1.
        var factor = Variant == SsimVariant.Uniform7 ? 49.0 / 48 : 1;
        var columns = width - Side + 1;
        for (var row = 0; row < x.Length / width; row++)
        {
            moments.Add(row, x.Slice(row * width, width), y.Slice(row * width, width));
            if (row < Side - 1) continue;
            moments.Average(row);
            var similarity = map.Slice((row - Side + 1) * columns, columns);
            ReadOnlySpan<double> meanX = moments.X, meanY = moments.Y, meanXX = moments.XX, meanYY = moments.YY, meanXY = moments.XY;
            for (var i = 0; i < similarity.Length; i++)
            {
                var (mx, my) = (meanX[i], meanY[i]);
                var (vx, vy, cov) = ((meanXX[i] - mx * mx) * factor, (meanYY[i] - my * my) * factor, (meanXY[i] - mx * my) * factor);
                if (Variant == SsimVariant.ReflectFull) (vx, vy) = (Math.Max(vx, 0), Math.Max(vy, 0));
                similarity[i] = (2 * mx * my + C1) * (2 * cov + C2) / ((mx * mx + my * my + C1) * (vx + vy + C2));
            }
        }
    }

    private Tensor Prepare(Tensor images) => Variant switch
    {
        SsimVariant.ReflectFull => images.Pad([5, 5, 5, 5], "reflect"),
        SsimVariant.ZeroPad => images.Pad([5, 5, 5, 5]),
        _ => images,
    };

    private double[] Window()
    {
        var weights = new double[Side];
        for (var i = 0; i < Side; i++)
        {
            var distance = i - Side / 2;
            weights[i] = Variant == SsimVariant.Uniform7 ? 1 : Math.Exp(-distance * distance / (2 * 1.5 * 1.5));
        }
        var sum = weights.Sum();
        return [.. weights.Select(weight => weight / sum)];
    }
}
