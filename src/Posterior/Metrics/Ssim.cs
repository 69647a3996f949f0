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
        (x, y) = (Prepare(x.Reshape(n * c, 1, h, w)), Prepare(y.Reshape(n * c, 1, h, w)));
        var window = Window();
        Tensor Average(Tensor image) => image.Conv2d(window.Reshape(1, 1, Side, 1)).Conv2d(window.Reshape(1, 1, 1, Side));

        var (mx, my) = (Average(x), Average(y));
        // Sample covariances divide by n - 1.
        var factor = Variant == SsimVariant.Uniform7 ? 49.0 / 48 : 1;
        var vx = (Average(x * x) - mx * mx) * factor;
        var vy = (Average(y * y) - my * my) * factor;
        var cov = (Average(x * y) - mx * my) * factor;
        if (Variant == SsimVariant.ReflectFull) (vx, vy) = (vx.Clamp(0, null), vy.Clamp(0, null));
        var map = (mx * my * 2 + C1) * (cov * 2 + C2) / ((mx * mx + my * my + C1) * (vx + vy + C2));
        return scope.Keep(map.Reshape(n, c, map.Size(2), map.Size(3)));
    }

    private Tensor Prepare(Tensor images) => Variant switch
    {
        SsimVariant.ReflectFull => images.Pad([5, 5, 5, 5], "reflect"),
        SsimVariant.ZeroPad => images.Pad([5, 5, 5, 5]),
        _ => images,
    };

    private Tensor Window()
    {
        var weights = new double[Side];
        for (var i = 0; i < Side; i++)
        {
            var distance = i - Side / 2;
            weights[i] = Variant == SsimVariant.Uniform7 ? 1 : Math.Exp(-distance * distance / (2 * 1.5 * 1.5));
        }
        var sum = weights.Sum();
        return Tensor.From([.. weights.Select(weight => weight / sum)], Side);
    }
}
