using Posterior.Torch;

namespace Posterior.Evaluation.Benchmarks;

/// <summary>The whole bench of the engine and the networks: every row with its bar.</summary>
public static class SpeedBenchmark
{
    private const int Batch = 8, TrainingBatch = 16, TransformerBatch = 32;
    private const long Size = 256;

    /// <summary>The number formats in which networks are measured: BFloat16 only where the processor has instructions for it.</summary>
    internal static IReadOnlyList<DType> Formats => FastPath.HasFastBFloat16 ? [DType.Float32, DType.BFloat16] : [DType.Float32];

    /// <summary>
    /// Measures the machine's roofline, the engine's calls, ADM's UNet (64 channels, multipliers 1, 1, 2, 2, 4, 4, attention at 32, 16 and 8)
    /// and the <c>photo</c> architecture at 256 x 256, batch 1, NCSN++ at 64 x 64, steps of training, and DDRM's work outside the networks. Weights are random: they do not change the time.
    /// </summary>
    /// <param name="progress">Told what is measured next.</param>
    /// <param name="cancellation">Stops between two measurements.</param>
    public static IReadOnlyList<BenchmarkRow> Run(IProgress<string>? progress = null, CancellationToken cancellation = default)
    {
        var rows = new List<BenchmarkRow>();
        foreach (var dtype in Formats)
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
        using var adm = BenchmarkNetworks.Adm();
        using var photo = BenchmarkNetworks.Photo();
        using var song = BenchmarkNetworks.Song();
        var (x, time) = (new SeededNoise(1).Normal([1, 3, Size, Size]), Tensor.Full([1], 500));
        var label = Tensor.Zeros([1]);
        progress?.Report("ADM UNet, 256x256");
        rows.AddRange(new NetworkBenchmark("ADM UNet 256x256", adm, () => adm.Forward(x, time)) { ShareBar = 0.75, GainBar = 1.8 }.Run(cancellation));
        progress?.Report("photo network, 256x256");
        rows.AddRange(new NetworkBenchmark("photo network 256x256", photo, () => photo.Forward(x, label)) { HalfBar = null, ShareBar = 0.65 }.Run(cancellation));
        progress?.Report("SongUNet, 64x64");
        var (thumbnails, levels) = (Noise(Batch, 64), Tensor.Zeros([Batch]));
        rows.AddRange(new NetworkBenchmark($"SongUNet 64x64, batch {Batch}", song, () => song.Forward(thumbnails, levels)) { HalfBar = null, ShareBar = 0.65 }.Run(cancellation));
        progress?.Report("HDiT, 32x32");
        using var hdit = BenchmarkNetworks.Hdit();
        var (small, sigmas) = (Noise(TransformerBatch, 32), Tensor.Zeros([TransformerBatch]));
        rows.AddRange(new NetworkBenchmark($"HDiT 32x32, batch {TransformerBatch}", hdit, () => hdit.Forward(small, sigmas)) { HalfBar = null, ShareBar = 0.5 }.Run(cancellation));
        progress?.Report("InvFussion and Palette, 32x32");
        rows.AddRange(ConditionalBenchmark.Run(cancellation: cancellation));
        progress?.Report("training");
        rows.AddRange(Training(cancellation));
        progress?.Report("DDRM outside the network, 256x256");
        rows.AddRange(SolverBenchmark.Run(
            (int)Size, ("ADM UNet", () => adm.Forward(x, time).Dispose()), [("photo", () => photo.Forward(x, label).Dispose())], cancellation));
        return rows;
    }

    // Steps of the crops that the shipped models are trained on.
    private static IEnumerable<BenchmarkRow> Training(CancellationToken cancellation)
    {
        using var scope = new Scope();
        using var adm = BenchmarkNetworks.Adm();
        using var photo = BenchmarkNetworks.Photo();
        using var song = BenchmarkNetworks.Song();
        using var hdit = BenchmarkNetworks.Hdit();
        var (crops, levels) = (Noise(TrainingBatch, 64), Tensor.Zeros([TrainingBatch]));
        var (thumbnails, sigmas) = (Noise(2 * TransformerBatch, 32), Tensor.Zeros([2 * TransformerBatch]));
        using var recording = new WithGrad();
        // Activations as `train` has them on this processor.
        DType? activations = FastPath.HasFastBFloat16 ? DType.BFloat16 : null;
        return
        [
            .. new TrainingBenchmark($"ADM UNet 64x64, batch {TrainingBatch}", adm, TrainingBatch, Adm, Adm).Run(cancellation),
            .. new TrainingBenchmark($"photo network 64x64, batch {TrainingBatch}", photo, TrainingBatch, () => Photo(activations), () => Photo(null)) { GainBar = activations is null ? null : 1.4 }.Run(cancellation),
            .. new TrainingBenchmark($"SongUNet 64x64, batch {TrainingBatch}", song, TrainingBatch, () => Song(activations), () => Song(null)) { ShareBar = 0.5 }.Run(cancellation),
            .. new TrainingBenchmark($"HDiT 32x32, batch {2 * TransformerBatch}", hdit, 2 * TransformerBatch, () => Hdit(activations), () => Hdit(null)) { ShareBar = 0.4, GainBar = null }.Run(cancellation),
        ];

        Tensor Adm() => adm.Forward(crops, levels);

        Tensor Photo(DType? type)
        {
            photo.ActivationType = type;
            return photo.Forward(crops, levels);
        }

        Tensor Song(DType? type)
        {
            song.ActivationType = type;
            return song.Forward(crops, levels);
        }

        Tensor Hdit(DType? type)
        {
            hdit.ActivationType = type;
            return hdit.Forward(thumbnails, sigmas);
        }
    }

    private static Tensor Noise(int images, long size) => new SeededNoise([.. Enumerable.Range(0, images).Select(i => (ulong)i)]).Normal([images, 3, size, size]);

    private static string Name(DType dtype) => dtype == DType.BFloat16 ? "bf16" : "fp32";
}
