using System.Text;

namespace Posterior.Diffusion;

/// <summary>
/// Which noise levels a solver or sampler visits. Everything inside the library is variance exploding, <c>x = x0 + sigma n</c>, so a
/// schedule is a list of sigmas and the size of the noise that it starts from.
/// </summary>
public abstract record NoiseSchedule
{
    /// <summary>The noise levels, strictly descending and positive, then 0: one more than there are evaluations.</summary>
    /// <param name="steps">The number of steps asked for; <see cref="VpSchedule"/> may give a few more.</param>
    /// <exception cref="ArgumentOutOfRangeException">The schedule has no grid of so many steps.</exception>
    public abstract double[] Levels(int steps);

    /// <summary>The largest number of steps that <see cref="Levels(int)"/> is meant for.</summary>
    public virtual int MostSteps => 10_000;

    /// <summary>The standard deviation of a state of pure noise at a level: sigma itself unless the schedule's own process keeps the variance.</summary>
    public virtual double InitialScale(double sigma) => sigma;

    /// <summary>
    /// The levels that a prior is meant for: those outside its range move to the nearer end of the range, and repetitions fall away.
    /// </summary>
    /// <param name="steps">The number of steps asked for.</param>
    /// <param name="range">The prior's <see cref="Denoiser.SigmaRange"/>.</param>
    public double[] Levels(int steps, (double Min, double Max) range)
    {
        var levels = Levels(steps);
        var kept = new List<double>(levels.Length);
        foreach (var level in levels[..^1])
        {
            var sigma = Math.Clamp(level, range.Min, range.Max);
            if (kept.Count == 0 || sigma < kept[^1]) kept.Add(sigma);
        }
        return [.. kept, 0];
    }

    /// <summary>Text holds what a schedule was made of, as receipts have it, and nothing that follows from that.</summary>
    protected virtual bool PrintMembers(StringBuilder builder) => false;

    /// <summary>Refuses fewer than one step.</summary>
    protected static void RequireSteps(int steps, int most = int.MaxValue)
    {
        if (steps < 1 || steps > most) throw new ArgumentOutOfRangeException(nameof(steps), steps, $"the number of steps is {steps}; expected 1 to {most}");
    }
}
