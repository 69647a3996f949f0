namespace Posterior.Evaluation.Experiments;

/// <summary>
/// Confidence in a number that all images have together, by leaving out one group of them after the other (delete-a-group jackknife: Quenouille 1956; Tukey 1958).
/// Drawing images anew, as the bootstrap does, would repeat some, and a Frechet distance rises with the repetitions.
/// </summary>
public static class Jackknife
{
    /// <summary>The number of groups.</summary>
    public const int Groups = 10;

    private const double Quantile = 2.262157; // 97.5% of Student's t with Groups - 1 degrees of freedom

    /// <summary>The standard error of a number.</summary>
    /// <param name="without">The number without each group in turn.</param>
    public static double StandardError(IReadOnlyList<double> without)
    {
        var mean = without.Average();
        return Math.Sqrt((without.Count - 1.0) / without.Count * without.Sum(value => (value - mean) * (value - mean)));
    }

    /// <summary>The 95% interval of a number.</summary>
    /// <param name="value">The number.</param>
    /// <param name="without">The number without each group in turn.</param>
    public static (double Low, double High) Interval(double value, IReadOnlyList<double> without)
    {
        var margin = Quantile * StandardError(without);
        return (value - margin, value + margin);
    }
}
