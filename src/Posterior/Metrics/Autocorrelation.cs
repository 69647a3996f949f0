using Posterior.Torch;

namespace Posterior.Metrics;

/// <summary>
/// Whether an image is white: the correlation of its pixels with those a few rows and columns away. For white noise each is normal with mean 0 and
/// variance 1 / (pairs of pixels) (Bartlett 1946), which bounds the largest of them.
/// </summary>
/// <param name="Largest">The correlation that exceeds its bound most, or comes nearest to it; -1 to 1.</param>
/// <param name="Rows">How many rows its pixels are apart.</param>
/// <param name="Columns">How many columns its pixels are apart.</param>
/// <param name="Bound">What chance leaves below it in all but about one of 3000 white images.</param>
public sealed record Autocorrelation(double Largest, int Rows, int Columns, double Bound)
{
    /// <summary>The farthest pixels that are compared, in rows and in columns.</summary>
    public const int Reach = 4;

    // Two-sided, over the 40 directions within the reach: 40 * 7e-6 = 3e-4.
    private const double Quantile = 4.5;

    /// <summary>Measures an image.</summary>
    /// <param name="image"><c>[N, C, H, W]</c>, any units. Its mean is not taken off: an offset is no noise.</param>
    /// <param name="mask">1 where there is an image, 0 elsewhere; broadcasts to the image. Null for everywhere.</param>
    /// <returns>Null where there are too few pixels to compare, or nothing but zeros.</returns>
    public static Autocorrelation? Of(Tensor image, Tensor? mask = null)
    {
        if (image.Rank != 4 || image.Size(2) <= Reach || image.Size(3) <= Reach) return null;
        using var scope = new Scope();
        var known = mask?.Expand(image.Shape);
        var x = known is null ? image : image * known;
        var power = Total(x.Square()) / (known is null ? x.Count : Total(known));
        if (!(power > 0)) return null;
        Autocorrelation? worst = null;
        for (var rows = 0; rows <= Reach; rows++)
            for (var columns = rows == 0 ? 1 : -Reach; columns <= Reach; columns++)
            {
                using var inner = new Scope();
                var (a, b) = Shifted(x, rows, columns);
                double pairs = a.Count;
                if (known is not null)
                {
                    var (m, n) = Shifted(known, rows, columns);
                    pairs = Total(m * n);
                }
                if (pairs < 2) continue;
                var found = new Autocorrelation(Total(a * b) / pairs / power, rows, columns, Quantile / Math.Sqrt(pairs));
                if (worst is null || Math.Abs(found.Largest) - found.Bound > Math.Abs(worst.Largest) - worst.Bound) worst = found;
            }
        return worst;
    }

    // The pixels that have a partner so far away, and their partners.
    private static (Tensor, Tensor) Shifted(Tensor x, int rows, int columns)
    {
        var (height, width, shift) = (x.Size(2) - rows, x.Size(3) - Math.Abs(columns), Math.Abs(columns));
        var upper = x.Narrow(2, 0, height).Narrow(3, columns < 0 ? shift : 0, width);
        var lower = x.Narrow(2, rows, height).Narrow(3, columns < 0 ? 0 : shift, width);
        return (upper, lower);
    }

    private static double Total(Tensor x)
    {
        using var scope = new Scope();
        return x.To(DType.Float64).Sum().Item();
    }
}
