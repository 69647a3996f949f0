using System.Text.Json.Serialization;

namespace Posterior.Evaluation;

/// <summary>What a restoration would do and cost, and everything that speaks against it; nothing is restored. <see cref="RestorationPlanner"/> makes it.</summary>
public sealed record RestorationPlan
{
    /// <summary>Every problem that was found, one line each; none when it would run.</summary>
    public IReadOnlyList<string> Problems { get; init; } = [];

    /// <summary>What is allowed and hardly meant, one line each.</summary>
    public IReadOnlyList<string> Remarks { get; init; } = [];

    /// <summary>The files.</summary>
    public IReadOnlyList<PlannedRestoration> Items { get; init; } = [];

    /// <summary>The seconds of one evaluation of the prior that were measured, by the size of its input; each was evaluated on noise, at most twice.</summary>
    public IReadOnlyDictionary<string, double> MeasuredEvaluations { get; init; } = new Dictionary<string, double>();

    /// <summary>Whether it would run.</summary>
    public bool WouldRun => Problems.Count == 0;

    /// <summary>Evaluations of denoising networks over all files.</summary>
    public long Evaluations => Items.Sum(item => (long)(item.Evaluations ?? 0));

    /// <summary>The estimated time over all files in seconds, the network's alone.</summary>
    public double Seconds => Items.Sum(item => item.Seconds ?? 0);

    /// <summary>The estimated peak of resident memory in bytes; null where it is not known.</summary>
    public long? PeakBytes => Items.Max(item => item.PeakBytes);
}

/// <summary>What a restoration of one file would do.</summary>
/// <param name="Input">The measurement.</param>
/// <param name="Output">The restored image.</param>
public sealed record PlannedRestoration(string Input, string Output)
{
    /// <summary>The size of the image; null where the measurement cannot be used.</summary>
    public ImageSize? ImageSize { get; init; }

    /// <summary>The noise level that is stated or estimated, for images in [0, 1].</summary>
    public double? Sigma { get; init; }

    /// <summary>In how many tiles the image is denoised.</summary>
    public int? Tiles { get; init; }

    /// <summary>Evaluations of denoising networks, over all samples; 0 for finished work.</summary>
    public int? Evaluations { get; init; }

    /// <summary>The estimated time in seconds, the network's alone.</summary>
    public double? Seconds { get; init; }

    /// <summary>The estimated peak of resident memory in bytes.</summary>
    public long? PeakBytes { get; init; }

    /// <summary>Whether the output is there already, made with these settings.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public bool Finished { get; init; }
}
