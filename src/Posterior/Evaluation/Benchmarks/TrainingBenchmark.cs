using Posterior.Torch;
using Posterior.Torch.Nn;
using Posterior.Torch.Optim;

namespace Posterior.Evaluation.Benchmarks;

/// <summary>Steps of a training (forward, backward, AdamW) against the roofline and against the same network in single precision through ATen's operators alone.</summary>
/// <param name="name">The network, its input and its batch, for the rows.</param>
/// <param name="network">The network, with random weights; they are changed.</param>
/// <param name="images">The number of images of a step.</param>
/// <param name="forward">The output for a batch as Posterior's trainings have it.</param>
/// <param name="plain">The same in single precision.</param>
public sealed class TrainingBenchmark(string name, Module network, int images, Func<Tensor> forward, Func<Tensor> plain)
{
    private const int Rounds = 5;

    /// <summary>The least gain over ATen's operators that counts as met; null where none is asked for.</summary>
    public double? GainBar { get; init; } = 1.4;

    /// <summary>The least share of the single precision roofline that counts as met; null where none is asked for.</summary>
    public double? ShareBar { get; init; }

    /// <summary>Measures. The work of a step counts three times its forward pass's: the pass itself, the gradients of its inputs and of its weights.</summary>
    public IReadOnlyList<BenchmarkRow> Run(CancellationToken cancellation = default)
    {
        network.RequireGrad(true);
        using var optimiser = new AdamW(network.NamedParameters) { LearningRate = 1e-6 };
        using var single = new Roofline(DType.Float32);
        double work;
        using (var meter = new WorkMeter())
        {
            Step(forward);
            work = 3 * meter.Operations;
        }
        Timing.SecondsWithoutFastPath(() => Step(plain));
        List<double> seconds = [], shares = [], gains = [];
        for (var round = 0; round < Rounds; round++)
        {
            cancellation.ThrowIfCancellationRequested();
            seconds.Add(Timing.Seconds(() => Step(forward)));
            shares.Add(work / seconds[^1] / single.Measure());
            gains.Add(Timing.SecondsWithoutFastPath(() => Step(plain)) / seconds[^1]);
        }
        network.RequireGrad(false);
        return
        [
            new($"{name}, training", images / Timing.Median(seconds), "images/s"),
            new($"{name}, training, share of the fp32 roofline", Timing.Median(shares), "", ShareBar),
            new($"{name}, training, faster than ATen's operators in fp32", Timing.Median(gains), "x", GainBar),
        ];

        void Step(Func<Tensor> pass)
        {
            using var scope = new Scope();
            pass().To(DType.Float32).Square().Mean().Backward();
            optimiser.Step();
        }
    }
}
