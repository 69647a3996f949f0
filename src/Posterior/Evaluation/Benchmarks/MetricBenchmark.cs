using Posterior.Diffusion;
using Posterior.Imaging;
using Posterior.Metrics;
using Posterior.Networks.Features;
using Posterior.Torch;

namespace Posterior.Evaluation.Benchmarks;

/// <summary>What measuring costs beside what is measured: metrics against a solver of 20 evaluations, and the statistics of many features.</summary>
public static class MetricBenchmark
{
    /// <summary>The largest share of an experiment's time that counts as met.</summary>
    public const double ShareBar = 0.03;

    /// <summary>The longest time of the statistics, in seconds, that counts as met.</summary>
    public const double SecondsBar = 60;

    /// <summary>The most memory beyond the features, in bytes, that counts as met.</summary>
    public const double MemoryBar = 1 << 30;

    private const int Size = 256, Evaluations = 20, Rounds = 5, WarmUp = 60;
    private const long Vectors = 10_000, Features = InceptionV3.Features;

    /// <summary>The time of metrics on colour images of 256 x 256 as a share of the time with 20 evaluations of a prior: those that every experiment has, then LPIPS on AlexNet and Inception's features on weights of zero.</summary>
    /// <param name="prior">The prior.</param>
    /// <param name="name">What rows call it.</param>
    /// <param name="cancellation">Stops between measurements.</param>
    public static IReadOnlyList<BenchmarkRow> Shares(Denoiser prior, string name, CancellationToken cancellation = default)
    {
        using var scope = new Scope();
        using var noGrad = new NoGrad();
        var signed = new SeededNoise(1).Normal([1, 3, Size / 8, Size / 8]).UpsampleBilinear(Size, Size).Clamp(-1, 1);
        var (truth, estimate) = (ValueRange.ToUnit(signed), (ValueRange.ToUnit(signed) + 0.02).Clamp(0, 1));
        using var backbone = PerceptualBackbone.Alex();
        using var lpips = new Lpips(backbone, backbone.Widths.Select((width, k) => (Key: $"lin{k}.model.1.weight", Weight: Tensor.Ones([1, width, 1, 1]))).ToDictionary(pair => pair.Key, pair => pair.Weight));
        using var inception = new InceptionV3();
        var features = new InceptionFeatures(inception);
        // An experiment calls them often enough for the compiler's second look, which comes after thirty calls and a moment.
        for (var i = 0; i < WarmUp; i++) Freed(() => new Ssim().Compare(estimate, truth), () => lpips.Compare(estimate, truth));
        var seconds = Timing.Interleaved(
            Rounds,
            cancellation,
            () => Freed(() => prior.Denoise(signed, 1)),
            () => Freed(() => new Psnr().Compare(estimate, truth), () => new Ssim().Compare(estimate, truth)),
            () => Freed(() => lpips.Compare(estimate, truth)),
            () => Freed(() => features.Of(estimate)));
        return
        [
            Row("psnr and ssim", null, 1),
            Row("lpips-alex", null, 2),
            Row("features of fid", null, 3),
            Row("all of them", ShareBar, 1, 2, 3),
        ];

        BenchmarkRow Row(string metrics, double? bar, params int[] pieces) => new(
            $"{metrics} at {Size}x{Size}, share of the time with {Evaluations} evaluations of {name}",
            Timing.Median(seconds[0].Select((evaluation, round) => (Metrics: pieces.Sum(piece => seconds[piece][round]), Solver: Evaluations * evaluation)).Select(time => time.Metrics / (time.Metrics + time.Solver))),
            "",
            bar,
            BarSide.AtMost);
    }

    /// <summary>The time and memory of the statistics of 10,000 features of 2,048 dimensions, how they agree with double precision, and the time of a Frechet distance.</summary>
    /// <param name="cancellation">Stops between measurements.</param>
    public static IReadOnlyList<BenchmarkRow> Statistics(CancellationToken cancellation = default)
    {
        using var scope = new Scope();
        using var noGrad = new NoGrad();
        // Like pooled activations: not negative, of very different sizes.
        var features = new SeededNoise(1).Normal([1, Vectors * Features]).Reshape(Vectors, Features).Relu() * Tensor.Linspace(0.05, 2, Features);
        TorchRuntime.ReleaseMemory();
        var before = TorchRuntime.Memory.Used;
        FeatureStatistics? statistics = null;
        var seconds = Timing.Seconds(() => statistics = FeatureStatistics.Of(features));
        var beyond = TorchRuntime.Memory.Peak - before;
        cancellation.ThrowIfCancellationRequested();
        using var one = statistics!;
        var (mean, covariance) = Exact(features);
        var error = Math.Max((one.Mean - mean).Norm().Item() / mean.Norm().Item(), (one.Covariance - covariance).Norm().Item() / covariance.Norm().Item());
        cancellation.ThrowIfCancellationRequested();
        using var other = FeatureStatistics.Of(features.Narrow(0, 0, Vectors / 2) * 1.1);
        var distance = Timing.Seconds(() => one.FrechetDistance(other));
        return
        [
            new($"statistics of {Vectors} features of {Features} dimensions", seconds, "s", SecondsBar, BarSide.AtMost),
            new("their memory beyond the features", beyond / 1e6, "MB", MemoryBar / 1e6, BarSide.AtMost),
            new("their relative difference from double precision throughout", error, "", 1e-6, BarSide.AtMost),
            new("a Frechet distance of such statistics", distance, "s"),
        ];
    }

    private static (Tensor Mean, Tensor Covariance) Exact(Tensor features)
    {
        using var scope = new Scope();
        var x = features.To(DType.Float64);
        var mean = x.Mean([0]);
        var centred = x - mean;
        return (scope.Keep(mean), scope.Keep(centred.Transpose(0, 1).MatMul(centred) / (features.Size(0) - 1)));
    }

    private static void Freed(params ReadOnlySpan<Func<object>> work)
    {
        using var scope = new Scope();
        foreach (var piece in work) piece();
    }
}
