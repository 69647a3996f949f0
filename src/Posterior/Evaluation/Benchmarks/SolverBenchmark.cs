using Posterior.Imaging;
using Posterior.Operators;
using Posterior.Solvers;
using Posterior.Torch;

namespace Posterior.Evaluation.Benchmarks;

/// <summary>What DDRM does besides evaluating its network, as a share of a step, for every operator of <see cref="OperatorCatalog"/>.</summary>
public static class SolverBenchmark
{
    /// <summary>The largest share of a step with the reference network that counts as met.</summary>
    public const double Bar = 0.02;

    private const int Steps = 20, Rounds = 5;
    private const double Sigma = 0.1;

    /// <summary>
    /// Times whole runs of DDRM with a prior that only scales its input, and takes the prior's own time off: noise, transforms and updates remain.
    /// Each run alternates with evaluations of the networks, so that other work on the machine disturbs both alike.
    /// </summary>
    /// <param name="size">The height and width of colour images; a power of two.</param>
    /// <param name="reference">One evaluation of the network that the bar is stated for.</param>
    /// <param name="others">Evaluations of other networks, by name: reported without a bar.</param>
    /// <param name="cancellation">Stops between measurements.</param>
    public static IReadOnlyList<BenchmarkRow> Run(int size, (string Name, Action Evaluate) reference, IReadOnlyList<(string Name, Action Evaluate)> others, CancellationToken cancellation = default)
    {
        (string Name, Action Evaluate)[] networks = [reference, .. others];
        foreach (var network in networks) network.Evaluate();
        var rows = new List<BenchmarkRow>();
        foreach (var entry in OperatorCatalog.Entries)
        {
            using var scope = new Scope();
            var shape = new ImageShape(3, size, size);
            using var h = (SpectralOperator)OperatorCatalog.Parse(entry.Example).Bind(shape, new BenchmarkFiles(shape));
            var clean = new SeededNoise(1).Normal([1, shape.Channels, size, size]).Clamp(-1, 1);
            var measurement = Measurement<SpectralOperator>.Simulate(h, clean, Sigma, new SeededNoise(2));
            SecondsOutside(measurement);
            List<double> outside = [];
            var shares = networks.Select(_ => new List<double>()).ToArray();
            for (var round = 0; round < Rounds; round++)
            {
                cancellation.ThrowIfCancellationRequested();
                outside.Add(SecondsOutside(measurement));
                for (var i = 0; i < networks.Length; i++) shares[i].Add(outside[^1] / (outside[^1] + Timing.Seconds(networks[i].Evaluate)));
            }
            var title = $"DDRM outside the network, {entry.Example}";
            rows.Add(new(title, Timing.Median(outside) * 1e3, "ms a step"));
            for (var i = 0; i < networks.Length; i++)
                rows.Add(new($"{title}, share with {networks[i].Name}", Timing.Median(shares[i]), "", i == 0 ? Bar : null, BarSide.AtMost));
        }
        return rows;
    }

    /// <summary>The seconds of one step of DDRM outside the prior, the start and the end of the run included.</summary>
    /// <param name="measurement">What is restored.</param>
    public static double SecondsOutside(Measurement<SpectralOperator> measurement)
    {
        using var scope = new Scope();
        var prior = new TimedPrior();
        var solver = new Ddrm { Steps = Steps };
        var whole = Timing.Seconds(() => solver.Restore(measurement, prior, new SeededNoise(3)));
        return (whole - prior.Seconds) / prior.Evaluations;
    }
}
