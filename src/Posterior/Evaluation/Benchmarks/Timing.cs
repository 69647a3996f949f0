using System.Diagnostics;
using Posterior.Torch;

namespace Posterior.Evaluation.Benchmarks;

/// <summary>How long work takes, on a machine that may have other work to do.</summary>
public static class Timing
{
    /// <summary>
    /// Runs pieces of work in turn, several rounds, so that what disturbs the machine disturbs all of them alike. Each piece ran once
    /// before, to warm up.
    /// </summary>
    /// <param name="rounds">The number of rounds, at least 1.</param>
    /// <param name="cancellation">Stops between two pieces of work.</param>
    /// <param name="work">The pieces.</param>
    /// <returns>The seconds of each piece in each round: <c>[piece][round]</c>.</returns>
    /// <exception cref="ArgumentOutOfRangeException">There is no round.</exception>
    public static double[][] Interleaved(int rounds, CancellationToken cancellation, params ReadOnlySpan<Action> work)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(rounds, 1);
        var seconds = new double[work.Length][];
        for (var piece = 0; piece < work.Length; piece++)
        {
            seconds[piece] = new double[rounds];
            cancellation.ThrowIfCancellationRequested();
            work[piece]();
        }
        for (var round = 0; round < rounds; round++)
            for (var piece = 0; piece < work.Length; piece++)
            {
                cancellation.ThrowIfCancellationRequested();
                seconds[piece][round] = Seconds(work[piece]);
            }
        return seconds;
    }

    /// <summary>The seconds that a piece of work takes once.</summary>
    public static double Seconds(Action work)
    {
        ArgumentNullException.ThrowIfNull(work);
        var start = Stopwatch.GetTimestamp();
        work();
        return Stopwatch.GetElapsedTime(start).TotalSeconds;
    }

    /// <summary>The same through ATen's operators alone (<see cref="FastPath"/>).</summary>
    public static double SecondsWithoutFastPath(Action work)
    {
        var enabled = FastPath.Current.Enabled;
        FastPath.Enable(false);
        try
        {
            return Seconds(work);
        }
        finally
        {
            FastPath.Enable(enabled);
        }
    }

    /// <summary>The middle value; of two middle ones their mean.</summary>
    /// <exception cref="ArgumentException">There are no values.</exception>
    public static double Median(IEnumerable<double> values)
    {
        var sorted = values.Order().ToArray();
        if (sorted.Length == 0) throw new ArgumentException("the median of no values is not defined", nameof(values));
        return (sorted[(sorted.Length - 1) / 2] + sorted[sorted.Length / 2]) / 2;
    }

    /// <summary>The median over rounds of a quotient of two pieces' seconds.</summary>
    public static double MedianRatio(double[] numerator, double[] denominator) => Median(numerator.Zip(denominator, (a, b) => a / b));
}
