using Posterior.Diffusion;
using Posterior.Operators;

namespace Posterior.Solvers;

/// <summary>A restoration method that walks a prior down a schedule of noise levels.</summary>
/// <typeparam name="TOperator">The rung that the method needs.</typeparam>
public abstract record ScheduledSolver<TOperator> : Solver<TOperator>
    where TOperator : ForwardOperator
{
    /// <summary>A method of so many noise levels by default.</summary>
    protected ScheduledSolver(int steps) => Steps = steps;

    /// <summary>The number of noise levels, with one evaluation of the prior at each unless the method says otherwise.</summary>
    public int Steps { get; init; }

    /// <summary>The noise levels; null for the prior's own, <see cref="Denoiser.Schedule"/>, or, in methods whose steps were fitted to a process, for those of the process that the prior was trained on, of the usual one where it has none.</summary>
    public NoiseSchedule? Schedule { get; init; }

    /// <inheritdoc/>
    public override int Evaluations => EvaluationsOf(Schedule is { } schedule ? Walked(schedule.Levels(Steps)).Length - 1 : Steps);

    /// <summary>Whether null stands for the prior's own noise levels, and not for those of a process.</summary>
    protected virtual bool TakesPriorsLevels => false;

    /// <inheritdoc/>
    public override int EvaluationsWith(ImagePredictor predictor) => predictor is Denoiser prior ? EvaluationsOf(LevelsFor(prior).Levels.Length - 1) : Evaluations;

    /// <summary>How often the prior is evaluated on the way down so many noise levels.</summary>
    protected virtual int EvaluationsOf(int levels) => levels;

    /// <summary>The part of a schedule that the method walks down, its 0 at the end included.</summary>
    protected virtual double[] Walked(double[] levels) => levels;

    /// <summary>The schedule of a run and its noise levels for images in [-1, 1], from the highest to 0, within the range of the prior.</summary>
    /// <exception cref="SolverOptionsException">The prior's process has fewer steps.</exception>
    protected (NoiseSchedule Schedule, double[] Levels) LevelsFor(Denoiser prior)
    {
        var schedule = Schedule ?? (TakesPriorsLevels ? prior.Schedule : prior.Schedule as VpSchedule ?? VpSchedule.Linear());
        if (Steps > schedule.MostSteps)
            throw new SolverOptionsException($"solver '{Name}': steps is {Steps}, expected 1 to {schedule.MostSteps}, as many as the process has that it walks down with this model (schedule takes others)");
        return (schedule, Walked(schedule.Levels(Steps, prior.SigmaRange)));
    }

    /// <inheritdoc/>
    protected override IEnumerable<string> Problems() => Between("steps", Steps, 1, Schedule?.MostSteps ?? MostSteps);

    // The most that any schedule has, for one that is known with the prior.
    private const int MostSteps = 10_000;
}
