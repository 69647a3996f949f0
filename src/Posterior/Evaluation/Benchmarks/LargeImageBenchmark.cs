using Posterior.Diffusion;
using Posterior.Imaging;
using Posterior.Operators;
using Posterior.Solvers;
using Posterior.Torch;

namespace Posterior.Evaluation.Benchmarks;

/// <summary>Whether a photograph costs as much a pixel as a small picture, in time and memory.</summary>
public static class LargeImageBenchmark
{
    /// <summary>The largest factor between times a megapixel that counts as met.</summary>
    public const double TimeBar = 1.15;

    /// <summary>The most resident memory that counts as met, in GiB.</summary>
    public const double MemoryBar = 2.5;

    private const int Steps = 4, Rounds = 3;
    private const double Sigma = 0.05;

    /// <summary>Restores noise of 256 x 256 and of 1024 x 768 pixels from 4 x 4 block averages by DDRM, in turn, and compares the times a megapixel. Run it in a process of its own for its memory.</summary>
    /// <param name="prior">The prior, cut into tiles where it needs that.</param>
    /// <param name="name">What rows call it.</param>
    /// <param name="cancellation">Stops between steps.</param>
    public static IReadOnlyList<BenchmarkRow> Run(Denoiser prior, string name, CancellationToken cancellation = default)
    {
        var (small, large) = (new ImageShape(prior.Channels ?? 3, 256, 256), new ImageShape(prior.Channels ?? 3, 768, 1024));
        Restore(small);
        List<double> ratios = [], seconds = [];
        for (var round = 0; round < Rounds; round++)
        {
            var one = Timing.Seconds(() => Restore(small)) / Pixels(small);
            seconds.Add(Timing.Seconds(() => Restore(large)));
            ratios.Add(seconds[^1] / Pixels(large) / one);
        }
        return
        [
            new($"DDRM on 1024x768 with {name}, a step", Timing.Median(seconds) / Steps, "s"),
            new($"DDRM on 1024x768 with {name}, time a megapixel against 256x256", Timing.Median(ratios), "x", TimeBar, BarSide.AtMost),
            new($"DDRM on 1024x768 with {name}, peak resident memory", ProcessMemory.PeakGiB(), "GiB", MemoryBar, BarSide.AtMost),
        ];

        static double Pixels(ImageShape shape) => (double)shape.Height * shape.Width;

        void Restore(ImageShape shape)
        {
            using var scope = new Scope();
            using var noGrad = new NoGrad();
            using var h = (SpectralOperator)OperatorCatalog.Parse("sr4").Bind(shape);
            var clean = new SeededNoise(1).Normal(shape.Batch(1)).Clamp(-1, 1);
            new Ddrm { Steps = Steps }.Restore(Measurement<SpectralOperator>.Simulate(h, clean, Sigma, new SeededNoise(2)), prior, new SeededNoise(3), null, cancellation);
        }
    }
}
