using Posterior.Operators;

namespace Posterior.Solvers;

/// <summary>What DDNM and DDNM+ share (Wang, Yu, Zhang 2023, Alg. 1, 2): the share of fresh noise, and a walk down the noise levels that may go back up some of them.</summary>
/// <typeparam name="TOperator">The rung that the method needs.</typeparam>
public abstract record TimeTravelSolver<TOperator>() : ScheduledSolver<TOperator>(100)
    where TOperator : ForwardOperator
{
    /// <summary>How much of the noise of each step is fresh, 0 to 1.</summary>
    public double Eta { get; init; } = 0.85;

    /// <summary>How many levels time travel goes back up.</summary>
    public int TravelLength { get; init; } = 1;

    /// <summary>How often each stretch is walked down; 1 is without time travel.</summary>
    public int TravelRepeat { get; init; } = 1;

    /// <summary>The steps of a run, from one position in the list of levels to another; the last position is that of the final 0.</summary>
    /// <param name="levels">The number of levels above 0.</param>
    protected (int From, int To)[] Walk(int levels) => [.. TimeTravel.Walk(levels, TravelLength, TravelRepeat)];

    /// <inheritdoc/>
    protected override int EvaluationsOf(int levels) => Walk(levels).Count(step => step.To > step.From);

    /// <summary>Exactly so many levels as there are steps, the lowest ones where the schedule has more: times are <c>floor(1000 / steps) k</c>, k below steps.</summary>
    /// <inheritdoc/>
    protected override double[] Walked(double[] levels) => levels.Length > Steps + 1 ? levels[^(Steps + 1)..] : levels;

    /// <inheritdoc/>
    protected override IEnumerable<string> Problems() =>
        [.. base.Problems(), .. Between("eta", Eta, 0, 1), .. Between("travel-length", TravelLength, 1, Math.Max(1, Steps)), .. Between("travel-repeat", TravelRepeat, 1, 1000)];
}
