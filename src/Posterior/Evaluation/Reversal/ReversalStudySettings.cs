using System.Globalization;
using Posterior.Evaluation.Experiments;
using Posterior.Solvers;

namespace Posterior.Evaluation.Reversal;

/// <summary>On what and how a model that runs a degradation backwards is studied.</summary>
public sealed record ReversalStudySettings
{
    /// <summary>The model.</summary>
    public required PriorSettings Model { get; init; }

    /// <summary>The originals: a folder, an archive or a glob. Never those of the training.</summary>
    public required string Data { get; init; }

    /// <summary>How many originals, evenly spread.</summary>
    public int Images { get; init; } = 20;

    /// <summary>Reduce originals by this factor first, by averaging.</summary>
    public int Shrink { get; init; } = 1;

    /// <summary>Use the centre of this size; null for the size of the model's training.</summary>
    public ImageSize? Size { get; init; }

    /// <summary>The time step of the reverse process.</summary>
    public double Step { get; init; } = 0.05;

    /// <summary>The metric of perception: <c>lsd</c>, <c>features-thumb32</c>, or one that needs weights, as <c>lpips-alex</c>.</summary>
    public string Perception { get; init; } = "lsd";

    /// <summary>Weight files of metrics, as <c>METRIC=FILE</c>.</summary>
    public IReadOnlyList<string> Weights { get; init; } = [];

    /// <summary>Everything random follows from it and from the content of each original.</summary>
    public ulong Seed { get; init; }

    /// <summary>Checks the numbers.</summary>
    /// <exception cref="MeasurementException">One is out of range.</exception>
    public void Validate()
    {
        Check("images", Images, 1, 100_000);
        Check("shrink", Shrink, 1, 64);
        Check("step", Step, 1e-4, 1);

        static void Check(string name, double value, double low, double high)
        {
            if (!(value >= low && value <= high)) throw new MeasurementException(string.Create(CultureInfo.InvariantCulture, $"{name} is {value}, expected {low} to {high}"));
        }
    }

    /// <summary>PSNR, SSIM and the metric of perception, with their weights.</summary>
    /// <exception cref="ArgumentException">The metric is unknown or one of sets, or its weights are not named.</exception>
    public ExperimentMetrics Metrics()
    {
        var metrics = ExperimentMetrics.Load(["psnr", "ssim", Perception], Weights);
        if (metrics.Loaded.Count == 3) return metrics;
        var missing = metrics.Missing.Count > 0;
        metrics.Dispose();
        throw new ArgumentException(missing
            ? $"metric '{Perception}' needs weights: --weights {Perception}=FILE, {ExperimentMetrics.Files(Perception)}"
            : $"metric '{Perception}' compares sets of images; a study takes one of single images");
    }
}
