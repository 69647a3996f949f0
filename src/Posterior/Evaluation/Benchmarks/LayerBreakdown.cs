using Posterior.Torch;
using Posterior.Torch.Nn;

namespace Posterior.Evaluation.Benchmarks;

/// <summary>Where the time of a network's evaluation goes, layer by layer, beside the roofline: what is left to gain, and where.</summary>
/// <param name="Network">The network, its input and number format.</param>
/// <param name="Seconds">The time of one evaluation.</param>
/// <param name="Roofline">The best rate of this machine in that format, in operations a second.</param>
/// <param name="Layers">Layers by kind and shape, those that took most time first; what is missing to <see cref="Seconds"/> is elementwise work, copies and calls.</param>
public sealed record LayerBreakdown(string Network, double Seconds, double Roofline, IReadOnlyList<LayerTime> Layers)
{
    private const int Rounds = 5;

    /// <summary>The networks of the bench in the formats of inference: ADM's UNet and <c>photo</c>'s architecture at 256 x 256, random weights.</summary>
    /// <param name="cancellation">Stops between two measurements.</param>
    public static IReadOnlyList<LayerBreakdown> OfBenchmarkNetworks(CancellationToken cancellation = default)
    {
        var breakdowns = new List<LayerBreakdown>();
        foreach (var dtype in SpeedBenchmark.Formats)
        {
            using var roofline = new Roofline(dtype);
            foreach (var (name, network, evaluate) in BenchmarkNetworks.At256())
            {
                using (network)
                {
                    cancellation.ThrowIfCancellationRequested();
                    network.To(dtype);
                    breakdowns.Add(Measure($"{name}, {(dtype == DType.BFloat16 ? "bf16" : "fp32")}", evaluate, roofline));
                }
            }
        }
        return breakdowns;
    }

    /// <summary>The share of the roofline that layers reach; null for work that is not counted.</summary>
    public double? Share(LayerTime layer) => layer.Operations > 0 ? layer.Operations / layer.Seconds / Roofline : null;

    private static LayerBreakdown Measure(string name, Func<Tensor> evaluate, Roofline roofline)
    {
        using var noGrad = new NoGrad();
        evaluate().Dispose();
        var (best, rate) = ((Seconds: double.PositiveInfinity, Layers: (IReadOnlyList<LayerTime>)[]), 0.0);
        for (var round = 0; round < Rounds; round++)
        {
            // The quickest round is the least disturbed one.
            rate = Math.Max(rate, roofline.Measure());
            using var profile = new LayerProfile();
            var seconds = Timing.Seconds(() => evaluate().Dispose());
            if (seconds < best.Seconds) best = (seconds, profile.Layers);
        }
        return new(name, best.Seconds, rate, best.Layers);
    }
}
