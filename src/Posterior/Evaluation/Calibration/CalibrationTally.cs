using Posterior.Metrics;
using Posterior.Operators;
using Posterior.Torch;

namespace Posterior.Evaluation.Calibration;

/// <summary>
/// Counts, image after image, where truths stand among the samples of a posterior. The memory does not grow with the images.
/// </summary>
/// <remarks>
/// With K exact samples the rank of the truth is uniform on 0 to K, whatever the distribution. Hence the interval between the j-th lowest and the j-th highest sample holds it with the
/// probability <c>(K + 1 - 2 j) / (K + 1)</c> exactly, for any K: other levels are interpolated between two such intervals, and levels beyond the widest are not reported.
/// </remarks>
public sealed class CalibrationTally
{
    /// <summary>The levels that are reported.</summary>
    private static readonly double[] _levels = [0.5, 0.8, 0.9, 0.95];

    /// <summary>So many values of each image enter the rank histogram: neighbours tell the same.</summary>
    private const int RankedValues = 32;

    /// <summary>Values that all samples hit up to this, for images in [0, 1], are known.</summary>
    private const double Known = 1e-4;

    /// <summary>Bins of the predicted deviation: equal ratios, <see cref="BinsPerOctave"/> in a factor of 2, from this deviation up.</summary>
    private const double LeastDeviation = 1e-4;

    private const int BinsPerOctave = 1, ErrorBins = 14;

    /// <summary>Bins with less than this share of the values are too noisy to be shown.</summary>
    private const double LeastShare = 1e-3;

    private const int MostRankBins = 20, LeastExpected = 5;

    private readonly int _samples;
    private readonly ulong _seed;
    private readonly long[] _all;
    private readonly long[] _ranked;
    private readonly (double Predicted, double Actual, long Values)[] _errors = new (double, double, long)[ErrorBins];
    private readonly List<long[]> _images = [];
    private long _known;

    /// <summary>An empty tally.</summary>
    /// <param name="samples">K, 3 or more.</param>
    /// <param name="seed">Chooses the values of the histogram, and the places of equal values.</param>
    /// <exception cref="ArgumentOutOfRangeException">K is below 3.</exception>
    public CalibrationTally(int samples, ulong seed)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(samples, 3);
        (_samples, _seed, _all, _ranked) = (samples, seed, new long[samples + 1], new long[samples + 1]);
    }

    /// <summary>Counts one image.</summary>
    /// <param name="truth"><c>[1, C, H, W]</c> in [0, 1].</param>
    /// <param name="samples"><c>[K, C, H, W]</c>, not limited to [0, 1].</param>
    /// <exception cref="ArgumentException">The shapes do not fit.</exception>
    public void Add(Tensor truth, Tensor samples)
    {
        if (truth.Rank != 4 || !samples.Shape.SequenceEqual([_samples, .. truth.Shape[1..]]))
            throw new ArgumentException($"expected [{_samples}, C, H, W] samples of a truth [1, C, H, W], found {samples} and {truth}");
        using var scope = new Scope();
        var (x, s) = (truth.To(DType.Float64), samples.To(DType.Float64));
        var difference = s - x;
        var below = Row(difference.Less(0).To(DType.Float64).Sum([0]));
        var equal = Row(difference.Equal(0).To(DType.Float64).Sum([0]));
        var distance = Row(difference.Abs().Max([0]));
        var error = Row(difference.Mean([0]));
        var variance = Row(s.Variance([0]));
        // The normal distribution function makes uniform numbers of normal ones.
        var normal = new SeededNoise(ImageSeed.Of("calibrate-places", _seed, "", _images.Count)).Normal([1, below.Length], DType.Float64);
        var places = Row(((normal * Math.Sqrt(0.5)).Erf() + 1) * 0.5);

        var image = new long[_samples + 1];
        var chosen = 0;
        foreach (var i in RandomOrder.Of(below.Length, ImageSeed.Of("calibrate-values", _seed, "", _images.Count)))
        {
            if (distance[i] < Known)
            {
                _known++;
                continue;
            }
            // Among e equal values there are e + 1 places.
            var rank = (int)below[i] + (int)Math.Min(equal[i], Math.Floor((equal[i] + 1) * places[i]));
            image[rank]++;
            _all[rank]++;
            if (chosen++ < RankedValues) _ranked[rank]++;
            ref var bin = ref _errors[BinOf(variance[i])];
            bin = (bin.Predicted + variance[i] * (1 + 1.0 / _samples), bin.Actual + error[i] * error[i], bin.Values + 1);
        }
        _images.Add(image);
    }

    /// <summary>What was counted so far.</summary>
    public CalibrationReport Report()
    {
        var values = _all.Sum();
        double Mean(Func<(double Predicted, double Actual, long Values), double> part) => values > 0 ? Math.Sqrt(_errors.Sum(part) / values) : 0;
        return new()
        {
            Images = _images.Count,
            Samples = _samples,
            Values = values,
            KnownValues = _known,
            Coverage = [.. _levels.Select(Of)],
            Intervals = [.. Enumerable.Range(1, (_samples - 1) / 2).Reverse().Select(j => Of((_samples + 1 - 2.0 * j) / (_samples + 1)))],
            Ranks = Histogram(),
            Error = Mean(bin => bin.Actual),
            PredictedError = Mean(bin => bin.Predicted),
            Errors = [.. _errors.Where(bin => bin.Values > LeastShare * values).Select(bin => new ErrorBin(Math.Sqrt(bin.Predicted / bin.Values), Math.Sqrt(bin.Actual / bin.Values), bin.Values))],
        };
    }

    private static double[] Row(Tensor values) => values.Reshape(-1).ToArray<double>();

    private static int BinOf(double variance) =>
        variance > 0 ? Math.Clamp((int)Math.Floor(BinsPerOctave * Math.Log2(Math.Sqrt(variance) / LeastDeviation)), 0, ErrorBins - 1) : 0;

    private Coverage Of(double level)
    {
        // Nominally (K + 1 - 2 j) / (K + 1); rounding must not push j below a whole number.
        var j = (_samples + 1) * (1 - level) / 2;
        if (Math.Abs(j - Math.Round(j)) < 1e-9) j = Math.Round(j);
        if (j < 1 || _all.Sum() == 0) return new(level, null, null);
        var parts = _images.Where(image => image.Sum() > 0).Select(image => Inside(image, j)).ToArray();
        var mean = parts.Average();
        double? error = parts.Length > 1 ? Math.Sqrt(parts.Sum(part => (part - mean) * (part - mean)) / (parts.Length - 1) / parts.Length) : null;
        return new(level, Inside(_all, j), error);
    }

    // The share of ranks j to K - j, linear between whole j.
    private double Inside(long[] counts, double j)
    {
        var (low, share) = ((int)Math.Floor(j), j - Math.Floor(j));
        return (1 - share) * Share(low) + (share > 0 ? share * Share(low + 1) : 0);

        double Share(int lowest) => counts[lowest..(_samples - lowest + 1)].Sum() / (double)counts.Sum();
    }

    private RankHistogram Histogram()
    {
        var total = _ranked.Sum();
        var bins = Enumerable.Range(2, MostRankBins - 1).LastOrDefault(count => (_samples + 1) % count == 0 && total / (double)count >= LeastExpected, 1);
        var expected = total / (double)bins;
        var width = (_samples + 1) / bins;
        var square = total == 0 ? 0 : Enumerable.Range(0, bins).Sum(bin => Math.Pow(_ranked[(bin * width)..((bin + 1) * width)].Sum() - expected, 2) / expected);
        return new([.. _ranked], bins, square, bins > 1 ? ChiSquare.UpperTail(square, bins - 1) : null);
    }
}
