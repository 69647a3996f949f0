using System.Globalization;

namespace Posterior.Evaluation.Calibration;

/// <summary>
/// Whether the samples of a solver tell how sure one can be: of truths that the data were made of, against K samples each. All values are for images in [0, 1].
/// </summary>
public sealed record CalibrationReport
{
    /// <summary>The number of originals.</summary>
    public required int Images { get; init; }

    /// <summary>K, the samples of each.</summary>
    public required int Samples { get; init; }

    /// <summary>The values (pixels times channels) that were compared.</summary>
    public required long Values { get; init; }

    /// <summary>The values that were left out because all samples agree with the original: the measurement fixes them.</summary>
    public required long KnownValues { get; init; }

    /// <summary>The share of values inside central intervals, at the usual levels.</summary>
    public required IReadOnlyList<Coverage> Coverage { get; init; }

    /// <summary>The share of values between the j-th lowest and the j-th highest sample, for all j: nominally <c>(K + 1 - 2 j) / (K + 1)</c>.</summary>
    public required IReadOnlyList<Coverage> Intervals { get; init; }

    /// <summary>Where the originals stand among the samples.</summary>
    public required RankHistogram Ranks { get; init; }

    /// <summary>The root mean square error of the samples' mean.</summary>
    public required double Error { get; init; }

    /// <summary>What the samples say it should be: <c>sqrt((1 + 1/K) mean variance)</c>; the mean of K samples itself has an error.</summary>
    public required double PredictedError { get; init; }

    /// <summary>The same for values of similar predicted deviation, ascending.</summary>
    public required IReadOnlyList<ErrorBin> Errors { get; init; }
}

/// <summary>How often a central interval holds the truth.</summary>
/// <param name="Nominal">How often it should, 0 to 1.</param>
/// <param name="Actual">How often it does; null where K samples do not resolve the level.</param>
/// <param name="StandardError">Of <paramref name="Actual"/>, from the differences between images: values of one image are not independent; null for one image.</param>
public sealed record Coverage(double Nominal, double? Actual, double? StandardError);

/// <summary>The ranks of the truths among their samples (simulation-based calibration, Talts et al. 2018), over a random subset of each image's values.</summary>
/// <param name="Counts">How many truths are above r of the K samples, r from 0 to K; equal values take a random place.</param>
/// <param name="Bins">The number of bins, neighbouring ranks together, of the test.</param>
/// <param name="ChiSquare">The sum of squared deviations from equal bins, over the expected count.</param>
/// <param name="PValue">The probability of a larger one for uniform ranks; null when there are too few truths. It takes values as independent, which those of one image are not quite.</param>
public sealed record RankHistogram(IReadOnlyList<long> Counts, int Bins, double ChiSquare, double? PValue)
{
    /// <summary>The probability as people read it, as <c>p = 0.31</c> or <c>p &lt; 0.001</c>; empty when there is none.</summary>
    public string Significance() => PValue switch { null => "", < 0.001 => "p < 0.001", { } p => string.Create(CultureInfo.InvariantCulture, $"p = {p:0.###}") };
}

/// <summary>Values of similar predicted deviation.</summary>
/// <param name="Predicted">The root of the mean predicted squared error.</param>
/// <param name="Actual">The root of the mean squared error.</param>
/// <param name="Values">How many.</param>
public sealed record ErrorBin(double Predicted, double Actual, long Values);
