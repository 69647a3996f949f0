using System.Diagnostics;
using Posterior.Diffusion;
using Posterior.Evaluation.Benchmarks;
using Posterior.Imaging;
using Posterior.Metrics;
using Posterior.Operators;
using Posterior.Solvers;
using Posterior.Torch;

namespace Posterior.Evaluation;

/// <summary>
/// How good a prior of photographs is, measured on held-out images: PSNR of RGB in [0, 1] on the centre of each image, for denoising in
/// one evaluation and for DDRM-20 on the tasks of the DDRM paper (Kawar et al. 2022, Tables 1 and 2), each beside its baseline. DDRM walks down the prior's own
/// noise levels, and, where these are others than the paper's, once more down the paper's.
/// </summary>
public static class PriorQuality
{
    private const int Size = 256;

    private static readonly NoiseSchedule _paper = VpSchedule.Linear();

    private static readonly QualityTask[] _tasks =
    [
        new("denoise sigma 25/255", "denoise", 25.0 / 255, "noisy image", 30.7, null),
        new("sr4", "sr4", 0, "bicubic upsampling (a = -0.75)", null, 0),
        new("sr4 sigma 0.05", "sr4", 0.05, "bicubic upsampling (a = -0.75)", null, 1.0),
        new("deblur-uniform9", "deblur-uniform9", 0, "pseudo-inverse", null, 2.2),
        new("deblur-uniform9 sigma 0.05", "deblur-uniform9", 0.05, "blurred image", null, 4.3),
    ];

    /// <summary>Measures a prior on images, one row a task.</summary>
    /// <param name="prior">The prior.</param>
    /// <param name="images">Photographs, never part of the training.</param>
    /// <param name="count">How many of them, evenly spread; fewer when there are fewer.</param>
    /// <param name="progress">Told of the share of the work that is done, 0 to 1.</param>
    /// <param name="cancellation">Stops between images.</param>
    public static IReadOnlyList<QualityRow> Measure(Denoiser prior, ImageSource images, int count, IProgress<double>? progress = null, CancellationToken cancellation = default)
    {
        count = Math.Min(count, images.Count);
        var sums = new (double Restored, double Paper, double Baseline, double Seconds)[_tasks.Length];
        var paper = prior.Schedule == _paper ? null : new Ddrm { Schedule = _paper };
        for (var i = 0; i < count; i++)
        {
            using var scope = new Scope();
            var clean = ValueRange.ToSigned(Centre(images.LoadUnit((int)((long)i * images.Count / count))));
            for (var task = 0; task < _tasks.Length; task++)
            {
                cancellation.ThrowIfCancellationRequested();
                using var inner = new Scope();
                var (restored, again, baseline, seconds) = Restore(prior, paper, clean, _tasks[task], (ulong)i);
                sums[task].Restored += Decibels(restored, clean) / count;
                if (again is not null) sums[task].Paper += Decibels(again, clean) / count;
                sums[task].Baseline += Decibels(baseline, clean) / count;
                sums[task].Seconds += seconds / count;
                progress?.Report((i * _tasks.Length + task + 1.0) / (count * _tasks.Length));
            }
        }
        return [.. _tasks.Zip(sums, (task, sum) => new QualityRow(task.Name, count, sum.Restored, paper is null || task.IsDenoising ? null : sum.Paper, task.Baseline, sum.Baseline, sum.Seconds, task.Bar, task.GainBar))];
    }

    private static (Tensor Restored, Tensor? Again, Tensor Baseline, double Seconds) Restore(Denoiser prior, Ddrm? paper, Tensor clean, QualityTask task, ulong seed)
    {
        using var noGrad = new NoGrad();
        var sigma = new UnitSigma(task.Sigma).Signed;
        using var h = (SpectralOperator)OperatorCatalog.Parse(task.Operator).Bind(ImageShape.Of(clean));
        var measurement = Measurement<SpectralOperator>.Simulate(h, clean, sigma, new SeededNoise(seed));
        var started = Stopwatch.GetTimestamp();
        var restored = task.IsDenoising ? prior.Denoise(measurement.Data, sigma) : By(new());
        var seconds = Stopwatch.GetElapsedTime(started).TotalSeconds;
        var again = paper is null || task.IsDenoising ? null : By(paper);
        var baseline = task switch
        {
            { Operator: "sr4" } => measurement.Data.UpsampleBicubic(clean.Size(2), clean.Size(3)),
            { Sigma: 0 } => h.PseudoInverse(measurement.Data),
            _ => measurement.Data,
        };
        return (restored, again, baseline, seconds);

        Tensor By(Ddrm solver) => solver.Restore(measurement, prior, new SeededNoise(seed + 1000)).Estimate;
    }

    private static double Decibels(Tensor estimate, Tensor truth) =>
        new Psnr().Compare(ValueRange.ToUnit(estimate).Clamp(0, 1), ValueRange.ToUnit(truth))[0];

    private static Tensor Centre(Tensor image)
    {
        var (height, width) = (Math.Min(Size, image.Size(2)), Math.Min(Size, image.Size(3)));
        return Crop.Centre(image, height, width);
    }

    private sealed record QualityTask(string Name, string Operator, double Sigma, string Baseline, double? Bar, double? GainBar)
    {
        public bool IsDenoising => Operator == "denoise";
    }
}

/// <summary>One task of <see cref="PriorQuality"/>.</summary>
/// <param name="Task">The operator and the noise, in [0, 1] units.</param>
/// <param name="Images">The number of images.</param>
/// <param name="Psnr">The mean PSNR of the restored images, in dB.</param>
/// <param name="PaperPsnr">The same by DDRM with the noise levels of its paper; null where the prior's are those, and for denoising.</param>
/// <param name="Baseline">What it is compared with.</param>
/// <param name="BaselinePsnr">The mean PSNR of the baseline, in dB.</param>
/// <param name="Seconds">The mean time of one restoration.</param>
/// <param name="Bar">The PSNR that the shipped prior must reach; null for none.</param>
/// <param name="GainBar">The gain over the baseline that the shipped prior must reach, in dB; null for none.</param>
public sealed record QualityRow(string Task, int Images, double Psnr, double? PaperPsnr, string Baseline, double BaselinePsnr, double Seconds, double? Bar, double? GainBar)
{
    /// <summary>How much better than the baseline, in dB.</summary>
    public double Gain => Psnr - BaselinePsnr;

    /// <summary>Whether the bars are reached.</summary>
    public bool Holds => Psnr >= (Bar ?? double.NegativeInfinity) && Gain >= (GainBar ?? double.NegativeInfinity);

    /// <summary>The task as rows of a bench: PSNR, the baseline's, the gain, and the time, the first and the third with their bars.</summary>
    public IEnumerable<BenchmarkRow> ToBenchmarkRows() =>
    [
        new(Task, Psnr, "dB", Bar),
        new($"{Task}, {Baseline}", BaselinePsnr, "dB"),
        new($"{Task}, gain over {Baseline}", Gain, "dB", GainBar),
        .. PaperPsnr is { } paper ? (BenchmarkRow[])[new($"{Task}, gain with the paper's noise levels", paper - BaselinePsnr, "dB")] : [],
        new($"{Task}, one image", Seconds, "s"),
    ];
}
