namespace Posterior.Evaluation.Experiments;

/// <summary>Confidence in a mean by the bootstrap (Efron 1979): the spread of the means of samples drawn anew, with repetition, from the values.</summary>
public static class Bootstrap
{
    private const int Draws = 2000;

    /// <summary>The central 95% interval of the mean, by percentiles. The draws are the same in every run.</summary>
    /// <param name="values">At least one value; not-a-numbers give not-a-numbers.</param>
    /// <exception cref="ArgumentException">There are no values.</exception>
    public static (double Low, double High) MeanInterval(IReadOnlyList<double> values)
    {
        if (values.Count == 0) throw new ArgumentException("the mean of no values is not defined", nameof(values));
        var means = new double[Draws];
        for (var draw = 0; draw < Draws; draw++)
        {
            var random = new RandomStream(0, (ulong)draw);
            var sum = 0.0;
            for (var i = 0; i < values.Count; i++) sum += values[random.Below(values.Count)];
            means[draw] = sum / values.Count;
        }
        Array.Sort(means);
        return (Quantile(means, 0.025), Quantile(means, 0.975));
    }

    private static double Quantile(double[] sorted, double share)
    {
        var place = share * (sorted.Length - 1);
        var below = (int)place;
        return below + 1 < sorted.Length ? sorted[below] + (place - below) * (sorted[below + 1] - sorted[below]) : sorted[below];
    }
}
