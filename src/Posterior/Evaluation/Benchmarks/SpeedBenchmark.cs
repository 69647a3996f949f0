using Posterior.Networks;
using Posterior.Networks.Adm;
using Posterior.Torch;
using Posterior.Torch.Nn;

namespace Posterior.Evaluation.Benchmarks;

/// <summary>The whole bench of the engine and the networks: every row with its bar.</summary>
public static class SpeedBenchmark
{
    private const long Size = 256;

    /// <summary>
    /// Measures the machine's roofline, the engine's calls, ADM's UNet (64 channels, multipliers 1, 1, 2, 2, 4, 4, attention at 32, 16 and 8)
    /// and the <c>photo</c> architecture at 256 x 256, batch 1, and DDRM's work outside them. Weights are random: they do not change the time.
    /// </summary>
    /// <param name="progress">Told what is measured next.</param>
    /// <param name="cancellation">Stops between two measurements.</param>
    public static IReadOnlyList<BenchmarkRow> Run(IProgress<string>? progress = null, CancellationToken cancellation = default)
    {
        var rows = new List<BenchmarkRow>();
        foreach (var dtype in new[] { DType.Float32, DType.BFloat16 })
        {
            progress?.Report($"roofline, {Name(dtype)}");
            using var roofline = new Roofline(dtype);
            _ = roofline.MeasureApart();
            var (convolution, product) = roofline.MeasureApart();
            rows.Add(new($"best convolution, {Name(dtype)}", convolution / 1e9, "GFLOP/s"));
            rows.Add(new($"best matrix product, {Name(dtype)}", product / 1e9, "GFLOP/s"));
            cancellation.ThrowIfCancellationRequested();
        }
        progress?.Report("operator calls and memory");
        rows.AddRange(EngineBenchmark.Run(cancellation));
        using var scope = new Scope();
        using var noGrad = new NoGrad();
        using var adm = Adm();
        using var photo = new PhotoUNet(new PhotoUNetSettings());
        Randomise(adm);
        Randomise(photo);
        var (x, time) = (new SeededNoise(1).Normal([1, 3, Size, Size]), Tensor.Full([1], 500));
        var label = Tensor.Zeros([1]);
        progress?.Report("ADM UNet, 256x256");
        rows.AddRange(new NetworkBenchmark("ADM UNet 256x256", adm, () => adm.Forward(x, time)).Run(cancellation));
        progress?.Report("photo network, 256x256");
        rows.AddRange(new NetworkBenchmark("photo network 256x256", photo, () => photo.Forward(x, label)) { HalfBar = null }.Run(cancellation));
        progress?.Report("DDRM outside the network, 256x256");
        rows.AddRange(SolverBenchmark.Run(
            (int)Size, ("ADM UNet", () => adm.Forward(x, time).Dispose()), [("photo", () => photo.Forward(x, label).Dispose())], cancellation));
        return rows;
    }

    private static AdmUNet Adm() => new(new AdmUNetSettings
    {
        ModelChannels = 64,
        ChannelMult = [1, 1, 2, 2, 4, 4],
        AttentionResolutions = [8, 16, 32],
        NumResBlocks = 2,
        NumHeadChannels = 64,
        UseScaleShiftNorm = true,
        ResblockUpdown = true,
    });

    // Variance-preserving layers keep activations in the normal range of numbers.
    private static void Randomise(Module network)
    {
        var noise = new SeededNoise(7);
        foreach (var parameter in network.Parameters)
        {
            if (parameter.Rank > 1) Initialisation.Normal(parameter, null, 1, noise);
        }
    }

    private static string Name(DType dtype) => dtype == DType.BFloat16 ? "bf16" : "fp32";
}
