namespace Posterior.Evaluation.Experiments;

/// <summary>What an experiment has left to do.</summary>
/// <param name="Restorations">All restorations.</param>
/// <param name="Left">Those that are not done.</param>
/// <param name="Evaluations">The network evaluations of those.</param>
/// <param name="SecondsPerEvaluation">The time of one, measured on the first image.</param>
/// <param name="Notes">Methods that do not suit a task, and what else makes the tables mean less than they seem to.</param>
public sealed record ExperimentPlan(int Restorations, int Left, long Evaluations, double SecondsPerEvaluation, IReadOnlyList<string> Notes)
{
    /// <summary>The time that is left, if solvers take nothing beside the network; those that differentiate it take about three times as much.</summary>
    public TimeSpan Time => TimeSpan.FromSeconds(Evaluations * SecondsPerEvaluation);
}
