using Posterior.Diffusion;

namespace Posterior.Models;

/// <summary>The noise process of a card as tables and scalings.</summary>
internal static class ModelSchedules
{
    private const int Steps = 1000;
    private const double BetaStart = 1e-4, BetaEnd = 0.02, CosineOffset = 0.008, LargestBeta = 0.999;

    /// <summary>The scalings of a preconditioned network; null for a discrete variance-preserving process.</summary>
    public static Preconditioning? Preconditioning(ScheduleCard schedule) => schedule.Kind switch
    {
        ScheduleKind.Edm => new EdmPreconditioning(schedule.SigmaData ?? 0.5),
        ScheduleKind.EdmVp => new VpPreconditioning(),
        ScheduleKind.EdmVe => new VePreconditioning(),
        ScheduleKind.EdmIddpm => new IddpmPreconditioning(),
        _ => null,
    };

    /// <summary><c>sqrt((1 - abar_t) / abar_t)</c> for each timestep of a discrete process.</summary>
    /// <exception cref="ModelException">The process has no timesteps, or impossible betas.</exception>
    public static double[] Sigmas(ScheduleCard schedule)
    {
        var steps = schedule.Steps ?? Steps;
        var (start, end) = (schedule.BetaStart ?? BetaStart, schedule.BetaEnd ?? BetaEnd);
        if (steps < 2 || !(start > 0) || !(end < 1) || !(start <= end) || Preconditioning(schedule) is not null)
            throw new ModelException(FormattableString.Invariant($"schedule {schedule.Kind}: expected a discrete process with at least 2 steps and betas in (0, 1), found {steps} steps from {start} to {end}"));
        var sigmas = new double[steps];
        var abar = 1.0;
        for (var t = 0; t < steps; t++)
        {
            var beta = schedule.Kind == ScheduleKind.VpCosine
                ? Math.Min(1 - Share((t + 1.0) / steps) / Share((double)t / steps), LargestBeta)
                : start + (end - start) * t / (steps - 1);
            abar *= 1 - beta;
            sigmas[t] = Math.Sqrt((1 - abar) / abar);
        }
        return sigmas;

        static double Share(double time) => Math.Pow(Math.Cos((time + CosineOffset) / (1 + CosineOffset) * Math.PI / 2), 2);
    }
}
