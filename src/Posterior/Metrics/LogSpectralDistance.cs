using Posterior.Torch;

namespace Posterior.Metrics;

/// <summary>
/// How unlike the amounts of detail are, whatever it shows: the root mean square difference of the power spectra in decibels, averaged over rings of one frequency. A smooth estimate
/// lacks what the fine rings of the original hold, however close its pixels are; 0 for equal images. It needs no weights.
/// </summary>
public sealed record LogSpectralDistance : IMetric
{
    // A hundredth of a grey level of 8 bits: power below it is no detail.
    private const double Floor = 1e-4 / 255 / 255;

    /// <inheritdoc/>
    public string Name => "lsd";

    /// <inheritdoc/>
    public string Unit => "dB";

    /// <inheritdoc/>
    public bool HigherIsBetter => false;

    /// <inheritdoc/>
    public double[] Compare(Tensor estimate, Tensor truth)
    {
        ImagePair.Check(estimate, truth);
        using var scope = new Scope();
        var (rings, counts) = Rings((int)truth.Size(2), (int)truth.Size(3));
        var (first, second) = (Power(estimate), Power(truth));
        var (pixels, result) = (rings.Length, new double[truth.Size(0)]);
        for (var image = 0; image < result.Length; image++)
        {
            var (a, b, sum) = (new double[counts.Length], new double[counts.Length], 0.0);
            for (var i = 0; i < pixels; i++)
            {
                if (rings[i] < 0) continue;
                a[rings[i]] += first[image * pixels + i];
                b[rings[i]] += second[image * pixels + i];
            }
            for (var ring = 0; ring < counts.Length; ring++) sum += Math.Pow(10 * Math.Log10((a[ring] / counts[ring] + Floor) / (b[ring] / counts[ring] + Floor)), 2);
            result[image] = Math.Sqrt(sum / Math.Max(1, counts.Length));
        }
        return result;
    }

    // The mean square of each frequency, averaged over channels.
    private static double[] Power(Tensor x)
    {
        using var scope = new Scope();
        return (x.To(DType.Float64).Fft2().Abs().Square().Mean([1]) / (x.Size(2) * x.Size(3))).Contiguous().ToArray<double>();
    }

    // The ring of each frequency, by its distance from 0 in periods over the shorter side; the mean and the corners beyond Nyquist are in none.
    private static (int[] Rings, int[] Counts) Rings(int height, int width)
    {
        var side = Math.Min(height, width);
        var (rings, counts) = (new int[height * width], new int[side / 2]);
        for (var i = 0; i < rings.Length; i++)
        {
            var (row, column) = Math.DivRem(i, width);
            var (v, h) = (Math.Min(row, height - row) / (double)height, Math.Min(column, width - column) / (double)width);
            var ring = (int)Math.Round(Math.Sqrt(v * v + h * h) * side) - 1;
            rings[i] = ring >= 0 && ring < counts.Length ? ring : -1;
            if (rings[i] >= 0) counts[rings[i]]++;
        }
        return (rings, counts);
    }
}
