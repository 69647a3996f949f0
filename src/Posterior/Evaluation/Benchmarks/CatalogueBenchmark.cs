using Posterior.Diffusion;
using Posterior.Imaging;
using Posterior.Operators;
using Posterior.Solvers;
using Posterior.Torch;
using Posterior.Torch.Nn;

namespace Posterior.Evaluation.Benchmarks;

/// <summary>Every solver of <see cref="SolverCatalog"/> against a network's own cost: the time outside it, and the memory of those that differentiate it.</summary>
public static class CatalogueBenchmark
{
    /// <summary>The largest share of a step outside the network that counts as met.</summary>
    public const double ShareBar = 0.08;

    /// <summary>The largest factor between the memory of a solver that differentiates the network and DDRM's that counts as met.</summary>
    public const double MemoryBar = 4;

    /// <summary>The least gain in images a second from a batch of 8 that counts as met.</summary>
    public const double BatchBar = 3;

    /// <summary>The least share of the roofline of a batch of 8 that counts as met.</summary>
    public const double BatchShareBar = 0.65;

    private const int Size = 256, Steps = 10, Rounds = 5, MemorySteps = 3, Batch = 8, Thumbnail = 32;
    private const double Sigma = 0.1;

    /// <summary>
    /// For each solver that evaluates a prior: its time outside the prior as a share of a step, where a step is an evaluation of the network, with its derivative
    /// where the solver takes one. Operator <c>sr4</c>, colour images of 256 x 256, 10 steps; runs alternate with evaluations of the network.
    /// </summary>
    /// <param name="prior">The network.</param>
    /// <param name="name">What rows call it.</param>
    /// <param name="cancellation">Stops between measurements.</param>
    public static IReadOnlyList<BenchmarkRow> Shares(Denoiser prior, string name, CancellationToken cancellation = default)
    {
        using var scope = new Scope();
        using var h = Operator();
        var x = new SeededNoise(1).Normal(h.InputShape.Batch(1)).Clamp(-1, 1);
        var rows = new List<BenchmarkRow>();
        foreach (var solver in Solvers(Steps))
        {
            var measurement = Measurement<SpectralOperator>.Simulate(h, x, solver.HandlesNoise ? Sigma : 0, new SeededNoise(2));
            var differentiates = Outside(solver, measurement).Differentiates;
            var shares = new List<double>();
            for (var round = 0; round < Rounds; round++)
            {
                cancellation.ThrowIfCancellationRequested();
                var outside = Outside(solver, measurement).Seconds;
                shares.Add(outside / (outside + Timing.Seconds(() => Evaluate(prior, x, differentiates))));
            }
            rows.Add(new($"{solver.Name} outside the network{(differentiates ? " and its derivative" : "")}, share with {name}", Timing.Median(shares), "", ShareBar, BarSide.AtMost));
        }
        return rows;
    }

    /// <summary>The most memory of tensors at once in a run of DDRM, and that of each solver that differentiates the network as a multiple of it, with <c>sr4</c> at 256 x 256.</summary>
    /// <inheritdoc cref="Shares"/>
    public static IReadOnlyList<BenchmarkRow> Memory(Denoiser prior, string name, CancellationToken cancellation = default)
    {
        using var scope = new Scope();
        using var h = Operator();
        var x = new SeededNoise(1).Normal(h.InputShape.Batch(1)).Clamp(-1, 1);
        var measurement = Measurement<SpectralOperator>.Simulate(h, x, Sigma, new SeededNoise(2));
        var plain = Peak(new Ddrm { Steps = MemorySteps }, measurement, prior);
        var rows = new List<BenchmarkRow> { new($"peak memory of tensors, ddrm with {name} at {Size}x{Size}", plain / 1e6, "MB") };
        foreach (var solver in Solvers(MemorySteps).Where(solver => Outside(solver, measurement).Differentiates))
        {
            cancellation.ThrowIfCancellationRequested();
            rows.Add(new($"peak memory of tensors, {solver.Name} as a multiple of ddrm's", Peak(solver, measurement, prior) / plain, "x", MemoryBar, BarSide.AtMost));
        }
        return rows;
    }

    /// <summary>
    /// A network for thumbnails, image by image and in batches of 8: the share of the roofline of each, and the gain in images a second. Where one image alone takes more
    /// than a third of the roofline no batch can be three times as fast.
    /// </summary>
    /// <inheritdoc cref="Shares"/>
    public static IReadOnlyList<BenchmarkRow> Batches(Denoiser prior, string name, CancellationToken cancellation = default)
    {
        using var scope = new Scope();
        using var noGrad = new NoGrad();
        using var roofline = new Roofline(DType.Float32);
        var shape = new ImageShape(prior.Channels ?? 3, Thumbnail, Thumbnail);
        var (one, many) = (new SeededNoise(1).Normal(shape.Batch(1)), new SeededNoise([.. Enumerable.Range(0, Batch).Select(i => (ulong)i)]).Normal(shape.Batch(Batch)));
        double work;
        using (var meter = new WorkMeter())
        {
            Evaluate(prior, one, false);
            work = meter.Operations;
        }
        var best = new List<double>();
        var seconds = Timing.Interleaved(4 * Rounds, cancellation, () => Evaluate(prior, one, false), () => Evaluate(prior, many, false), () => best.Add(roofline.Measure()));
        // The roofline has a round to warm up too.
        double Share(double[] times, int images) => Timing.Median(times.Zip(best.Skip(1), (time, rate) => images * work / time / rate));
        return
        [
            new($"{name} {Thumbnail}x{Thumbnail}, one evaluation of one image", Timing.Median(seconds[0]) * 1e3, "ms"),
            new($"{name} {Thumbnail}x{Thumbnail}, one image, fp32, share of the roofline", Share(seconds[0], 1)),
            new($"{name} {Thumbnail}x{Thumbnail}, batch of {Batch}, fp32, share of the roofline", Share(seconds[1], Batch), "", BatchShareBar),
            new($"{name} {Thumbnail}x{Thumbnail}, images a second in a batch of {Batch} against one by one", Batch * Timing.MedianRatio(seconds[0], seconds[1]), "x", BatchBar),
        ];
    }

    private static IEnumerable<Solver> Solvers(int steps) => SolverCatalog.ForPriors
        .Select(entry => entry.Options.Contains("steps") ? entry.Create(new SolverSettings { Steps = steps }) : entry.Default)
        .Where(solver => solver.Evaluations > 0);

    private static SpectralOperator Operator() => (SpectralOperator)OperatorCatalog.Parse("sr4").Bind(new ImageShape(3, Size, Size));

    private static (double Seconds, bool Differentiates) Outside(Solver solver, Measurement<SpectralOperator> measurement)
    {
        using var scope = new Scope();
        var prior = new TimedPrior();
        var whole = Timing.Seconds(() => solver.RestoreAny(measurement, prior, new SeededNoise(3)));
        return ((whole - prior.Seconds) / prior.Evaluations, prior.IsDifferentiated);
    }

    private static double Peak(Solver solver, Measurement<SpectralOperator> measurement, Denoiser prior)
    {
        using var scope = new Scope();
        TorchRuntime.ReleaseMemory();
        solver.RestoreAny(measurement, prior, new SeededNoise(3));
        return TorchRuntime.Memory.Peak;
    }

    private static void Evaluate(Denoiser prior, Tensor x, bool differentiate)
    {
        using var scope = new Scope();
        using var noGrad = new NoGrad();
        if (differentiate) DenoiserGradient.PullBack(prior, x, 1, clip: false, estimate => estimate);
        else prior.Denoise(x, 1);
    }
}
