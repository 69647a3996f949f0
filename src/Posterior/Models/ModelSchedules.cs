using Posterior.Diffusion;

namespace Posterior.Models;

/// <summary>The noise process of a card as tables and scalings.</summary>
internal static class ModelSchedules
{
    private const int Steps = 1000;
    private const double BetaStart = 1e-4, BetaEnd = 0.02;

    /// <summary>The scalings of a preconditioned network; null for a discrete variance-preserving process.</summary>
    public static Preconditioning? Preconditioning(ScheduleCard schedule) => schedule.Kind switch
    {
        ScheduleKind.Edm => new EdmPreconditioning(schedule.SigmaData ?? 0.5),
        ScheduleKind.EdmVp => new VpPreconditioning(),
        ScheduleKind.EdmVe => new VePreconditioning(),
        ScheduleKind.EdmIddpm => new IddpmPreconditioning(),
        _ => null,
    };

    /// <summary>The discrete process of a card.</summary>
    /// <exception cref="ModelException">The process has no timesteps, or impossible betas.</exception>
    public static VpSchedule Discrete(ScheduleCard schedule)
    {
        var steps = schedule.Steps ?? Steps;
        var (start, end) = (schedule.BetaStart ?? BetaStart, schedule.BetaEnd ?? BetaEnd);
        if (steps < 2 || !(start > 0) || !(end < 1) || !(start <= end))
            throw new ModelException(FormattableString.Invariant($"schedule {schedule.Kind}: expected at least 2 steps and betas in (0, 1), found {steps} steps from {start} to {end}"));
        return schedule.Kind switch
        {
            ScheduleKind.VpLinear => VpSchedule.Linear(steps, start, end),
            ScheduleKind.VpCosine => VpSchedule.Cosine(steps),
            _ => throw new ModelException($"schedule {schedule.Kind}: expected a discrete variance-preserving process"),
        };
    }

    /// <summary><c>sqrt((1 - abar_t) / abar_t)</c> for each timestep of a discrete process.</summary>
    /// <exception cref="ModelException">The process has no timesteps, or impossible betas.</exception>
    public static double[] Sigmas(ScheduleCard schedule)
    {
        var process = Discrete(schedule);
        return [.. Enumerable.Range(0, process.Count).Select(process.Sigma)];
    }
}
