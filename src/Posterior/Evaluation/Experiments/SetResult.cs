using System.Text.Json.Serialization;

namespace Posterior.Evaluation.Experiments;

/// <summary>A distance between a method's restorations of a task and the originals.</summary>
/// <param name="Task">The task's name.</param>
/// <param name="Method">The method's name.</param>
/// <param name="Metric">The metric's name.</param>
/// <param name="Value">The distance.</param>
/// <param name="Without">The distances without each group of the restored images in turn (<see cref="Jackknife"/>); null where there are too few images or the features are too many.</param>
/// <param name="Vectors">The number of restorations.</param>
/// <param name="RankDeficit">By how much their covariance, or that of the originals, falls short of full rank; 0 for a kernel distance.</param>
public sealed record SetResult(string Task, string Method, string Metric, double Value, IReadOnlyList<double>? Without, long Vectors, long RankDeficit)
{
    /// <summary>The standard error of <see cref="Value"/> over the restored images; null where <see cref="Without"/> is.</summary>
    [JsonIgnore]
    public double? StandardError => Without is null ? null : Jackknife.StandardError(Without);

    /// <summary>The difference of two methods' distances with its 95% interval, from the same groups of the same images; null where either has none.</summary>
    /// <param name="other">The other method's, which is subtracted.</param>
    public ResultDifference? Minus(SetResult other) => Without is null || other.Without is null ? null
        : new(Value - other.Value, ConfidenceInterval.Of(Jackknife.Interval(Value - other.Value, [.. Without.Zip(other.Without, (own, others) => own - others)])));
}
