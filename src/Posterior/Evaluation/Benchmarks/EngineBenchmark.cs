using Posterior.Torch;

namespace Posterior.Evaluation.Benchmarks;

/// <summary>What one call of an operator costs, and whether memory stays flat over many.</summary>
public static class EngineBenchmark
{
    private const int Calls = 20_000;
    private const int MemoryCalls = 10_000;
    private const int Rounds = 15;

    /// <summary>Measures both.</summary>
    public static IReadOnlyList<BenchmarkRow> Run(CancellationToken cancellation = default) =>
    [
        new("a small operator call", SecondsOfACall(cancellation) * 1e6, "us", 2, BarSide.AtMost),
        new("growth of resident memory over 10,000 operations", GrowthOfMemory(cancellation), "", 0.02, BarSide.AtMost),
    ];

    /// <summary>
    /// The seconds of one addition of two tensors of one element, its result freed by a scope: the best of several rounds, because other work
    /// on the machine can only add to it.
    /// </summary>
    public static double SecondsOfACall(CancellationToken cancellation = default)
    {
        using var noGrad = new NoGrad();
        using var outer = new Scope();
        var (a, b) = (Tensor.Ones([1]), Tensor.Ones([1]));
        var best = double.PositiveInfinity;
        for (var round = 0; round < Rounds; round++)
        {
            cancellation.ThrowIfCancellationRequested();
            var seconds = Timing.Seconds(() =>
            {
                for (var i = 0; i < Calls; i += 100)
                {
                    using var scope = new Scope();
                    for (var j = 0; j < 100; j++) _ = a + b;
                }
            });
            best = Math.Min(best, seconds / Calls);
        }
        return best;
    }

    /// <summary>The share by which resident memory grew over 10,000 operations in scopes, after as many to warm up.</summary>
    public static double GrowthOfMemory(CancellationToken cancellation = default)
    {
        using var noGrad = new NoGrad();
        using var outer = new Scope();
        var x = Tensor.Ones([64, 1024]);
        Operate();
        var before = Environment.WorkingSet;
        Operate();
        return (double)(Environment.WorkingSet - before) / before;

        void Operate()
        {
            for (var i = 0; i < MemoryCalls; i += 4)
            {
                cancellation.ThrowIfCancellationRequested();
                using var scope = new Scope();
                _ = (x * 2.0 + x).Square().Sum();
            }
            GC.Collect();
        }
    }
}
