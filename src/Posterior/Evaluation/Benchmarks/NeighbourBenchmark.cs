using System.Diagnostics;
using Posterior.Diffusion;
using Posterior.Torch;

namespace Posterior.Evaluation.Benchmarks;

/// <summary>How many evaluations a process does in a second, for processes that run side by side and share the cores (<see cref="ThreadShare"/>).</summary>
public static class NeighbourBenchmark
{
    private const int Side = 256;

    // Neighbours are counted every two seconds: by then each has found the other.
    private static readonly TimeSpan _settling = TimeSpan.FromSeconds(5), _measured = TimeSpan.FromSeconds(8);

    /// <summary>Evaluates a prior on noise of 256 x 256 for some seconds.</summary>
    /// <param name="prior">The prior.</param>
    /// <param name="channels">Its channels.</param>
    /// <param name="cancellation">Stops between evaluations.</param>
    /// <returns>Evaluations a second, without those of the first seconds.</returns>
    public static double Rate(Denoiser prior, long channels, CancellationToken cancellation = default)
    {
        using var noGrad = new NoGrad();
        using var scope = new Scope();
        var x = new SeededNoise(1).Normal([1, channels, Side, Side]);
        EvaluateFor(_settling);
        var watch = Stopwatch.StartNew();
        return EvaluateFor(_measured) / watch.Elapsed.TotalSeconds;

        int EvaluateFor(TimeSpan time)
        {
            var (started, count) = (Stopwatch.GetTimestamp(), 0);
            for (; Stopwatch.GetElapsedTime(started) < time; count++)
            {
                cancellation.ThrowIfCancellationRequested();
                using var inner = new Scope();
                prior.Denoise(x, 1);
            }
            return count;
        }
    }
}
