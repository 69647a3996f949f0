using Posterior.Imaging;
using Posterior.Metrics;
using Posterior.Operators;
using Posterior.Solvers;
using Posterior.Torch;

namespace Posterior.Evaluation.Benchmarks;

/// <summary>What a network in bfloat16 costs in quality.</summary>
public static class PrecisionBenchmark
{
    /// <summary>The largest difference that counts as met, in dB.</summary>
    public const double Bar = 0.05;

    private const double Sigma = 0.05;

    /// <summary>
    /// Restores pictures with DDRM-20 from 4 x 4 block averages with noise of 0.05 (images in [0, 1]), the network in Float32 and in BFloat16.
    /// </summary>
    /// <param name="settings">The prior; its number format is not used.</param>
    /// <param name="pictures">Image files whose sides are multiples of 4.</param>
    /// <param name="cancellation">Stops between pictures.</param>
    public static IReadOnlyList<BenchmarkRow> Run(PriorSettings settings, IReadOnlyList<string> pictures, CancellationToken cancellation = default)
    {
        var (single, half) = (Psnr(settings with { Dtype = "f32" }, pictures, cancellation), Psnr(settings with { Dtype = "bf16" }, pictures, cancellation));
        var title = $"DDRM-20, sr4 with noise 0.05, {Path.GetFileNameWithoutExtension(settings.Model)}";
        return
        [
            new($"{title}, fp32", single, "dB"),
            new($"{title}, bf16", half, "dB"),
            new($"{title}, bf16 differs from fp32", Math.Abs(half - single), "dB", Bar, BarSide.AtMost),
        ];
    }

    private static double Psnr(PriorSettings settings, IReadOnlyList<string> pictures, CancellationToken cancellation)
    {
        using var prior = Prior.Load(settings);
        var sum = 0.0;
        for (var i = 0; i < pictures.Count; i++)
        {
            cancellation.ThrowIfCancellationRequested();
            using var scope = new Scope();
            var clean = ValueRange.ToSigned(ImageFile.Load(pictures[i]));
            using var h = (SpectralOperator)OperatorCatalog.Parse("sr4").Bind(ImageShape.Of(clean));
            var measurement = Measurement<SpectralOperator>.Simulate(h, clean, new UnitSigma(Sigma).Signed, new SeededNoise((ulong)i));
            var estimate = new Ddrm().Restore(measurement, prior.For(clean.Size(1)), new SeededNoise((ulong)i + 1000), null, cancellation).Estimate;
            sum += new Psnr().Compare(ValueRange.ToUnit(estimate).Clamp(0, 1), ValueRange.ToUnit(clean))[0];
        }
        return sum / pictures.Count;
    }
}
