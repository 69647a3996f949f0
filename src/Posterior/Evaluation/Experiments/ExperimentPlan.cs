namespace Posterior.Evaluation.Experiments;

/// <summary>What an experiment has left to do.</summary>
/// <param name="Restorations">All restorations.</param>
/// <param name="Left">Those that are not done.</param>
/// <param name="Evaluations">The network evaluations of those.</param>
/// <param name="Seconds">Their time, if solvers take nothing beside the network, measured on the first image; those that differentiate it take about three times as much.</param>
/// <param name="Notes">Methods that do not suit a task, and what else makes the tables mean less than they seem to.</param>
public sealed record ExperimentPlan(int Restorations, int Left, long Evaluations, double Seconds, IReadOnlyList<string> Notes)
{
    /// <summary>The time that is left, as <see cref="Seconds"/>.</summary>
    public TimeSpan Time => TimeSpan.FromSeconds(Seconds);
}
