using Posterior.Diffusion;
using Posterior.Imaging;
using Posterior.Operators;
using Posterior.Solvers;
using Posterior.Torch;

namespace Posterior.Evaluation.Benchmarks;

/// <summary>Whether a long restoration keeps its memory.</summary>
public static class MemoryBenchmark
{
    /// <summary>The largest growth that counts as met.</summary>
    public const double Bar = 0.02;

    private const int Steps = 1000, WarmUp = 50, Side = 64;
    private const double Sigma = 0.1;

    /// <summary>
    /// Restores a 64 x 64 image with DDRM in 1000 steps. No collection is forced; run it in a process of its own, because memory that other work left
    /// behind would hide growth.
    /// </summary>
    /// <param name="prior">The prior.</param>
    /// <param name="cancellation">Stops between steps.</param>
    /// <returns>By how much the highest resident memory after step 50 exceeds that at step 50, as a share of it.</returns>
    public static double Growth(Denoiser prior, CancellationToken cancellation = default)
    {
        using var scope = new Scope();
        var channels = prior.Channels ?? 3;
        using var h = (SpectralOperator)OperatorCatalog.Parse("sr4").Bind(new ImageShape(channels, Side, Side));
        var clean = new SeededNoise(1).Normal([1, channels, Side, Side]).Clamp(-1, 1);
        var watch = new Watch();
        new Ddrm { Steps = Steps }.Restore(Measurement<SpectralOperator>.Simulate(h, clean, Sigma, new SeededNoise(2)), prior, new SeededNoise(3), watch, cancellation);
        return (double)(watch.Highest - watch.Start) / watch.Start;
    }

    // Called on the solver's thread: reading the size of the process must not queue work of its own.
    private sealed class Watch : IProgress<SolverStep>
    {
        public long Start { get; private set; }

        public long Highest { get; private set; }

        public void Report(SolverStep value)
        {
            if (value.Index == WarmUp) Start = Highest = Environment.WorkingSet;
            else if (value.Index > WarmUp && (value.Index % 10 == 0 || value.Index == value.Count - 1)) Highest = Math.Max(Highest, Environment.WorkingSet);
        }
    }
}
