using Posterior.Torch;
using Posterior.Torch.Nn;

namespace Posterior.Evaluation.Benchmarks;

/// <summary>A network's evaluation against the roofline of the same minutes.</summary>
/// <param name="name">The network and the size of its input, for the rows.</param>
/// <param name="network">The network, in Float32; it is converted and comes back in Float32.</param>
/// <param name="evaluate">One evaluation.</param>
public sealed class NetworkBenchmark(string name, Module network, Func<Tensor> evaluate)
{
    /// <summary>The least share of the roofline that counts as met in Float32.</summary>
    public double ShareBar { get; init; } = 0.55;

    /// <summary>The least factor between Float32 and BFloat16 that counts as met; null where none is asked for.</summary>
    public double? HalfBar { get; init; } = 1.7;

    /// <summary>The least factor over ATen's operators that counts as met; null where none is asked for.</summary>
    public double? GainBar { get; init; }

    /// <summary>The number of rounds.</summary>
    public int Rounds { get; init; } = 7;

    /// <summary>Measures the share of the roofline and the gain over ATen's operators; where the processor has instructions for BFloat16 also its share and the factor between both formats.</summary>
    public IReadOnlyList<BenchmarkRow> Run(CancellationToken cancellation = default)
    {
        using var noGrad = new NoGrad();
        var operations = Count();
        using var single = new Roofline(DType.Float32);
        using var half = FastPath.HasFastBFloat16 ? new Roofline(DType.BFloat16) : null;
        List<double> singleShare = [], halfShare = [], factor = [], gain = [], seconds = [];
        network.To(DType.Float32);
        Evaluate();
        for (var round = 0; round < Rounds; round++)
        {
            cancellation.ThrowIfCancellationRequested();
            var inSingle = Timing.Seconds(Evaluate);
            seconds.Add(inSingle);
            singleShare.Add(operations / inSingle / single.Measure());
            gain.Add(Timing.SecondsWithoutFastPath(Evaluate) / inSingle);
            if (half is null) continue;
            network.To(DType.BFloat16);
            try
            {
                Evaluate();
                var inHalf = Timing.Seconds(Evaluate);
                halfShare.Add(operations / inHalf / half.Measure());
                factor.Add(inSingle / inHalf);
            }
            finally
            {
                network.To(DType.Float32);
            }
            Evaluate();
        }
        BenchmarkRow[] inBFloat16 = half is null ? [] :
        [
            new($"{name}, bf16, share of the roofline", Timing.Median(halfShare)),
            new($"{name}, bf16 faster than fp32", Timing.Median(factor), "x", HalfBar),
        ];
        return
        [
            new($"{name}, work", operations / 1e9, "GFLOP"),
            new($"{name}, fp32, one evaluation", Timing.Median(seconds), "s"),
            new($"{name}, fp32, share of the roofline", Timing.Median(singleShare), "", ShareBar),
            .. inBFloat16,
            new($"{name}, fp32, faster than ATen's operators", Timing.Median(gain), "x", GainBar),
        ];
    }

    private void Evaluate() => evaluate().Dispose();

    private double Count()
    {
        using var meter = new WorkMeter();
        Evaluate();
        return meter.Operations;
    }
}
