namespace Posterior.Evaluation.Experiments;

/// <summary>A distance between a method's restorations of a task and the originals.</summary>
/// <param name="Task">The task's name.</param>
/// <param name="Method">The method's name.</param>
/// <param name="Metric">The metric's name.</param>
/// <param name="Value">The distance.</param>
/// <param name="StandardError">Its standard error over the restored images, by a delete-a-group jackknife (Quenouille 1956; Tukey 1958); null where there are too few images or the features are too many.</param>
/// <param name="Vectors">The number of restorations.</param>
/// <param name="RankDeficit">By how much their covariance, or that of the originals, falls short of full rank; 0 for a kernel distance.</param>
public sealed record SetResult(string Task, string Method, string Metric, double Value, double? StandardError, long Vectors, long RankDeficit);
