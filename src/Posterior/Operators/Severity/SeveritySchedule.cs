namespace Posterior.Operators;

/// <summary>How severe a degradation is at a time: severities at some times, linear in between (DiracDiffusion, Fabian et al. 2024, App. C).</summary>
public sealed record SeveritySchedule
{
    /// <summary>A schedule.</summary>
    /// <param name="times">Times from 0 to 1, ascending.</param>
    /// <param name="severities">The severity at each, in [0, 1], never falling.</param>
    /// <exception cref="OperatorException">The lists are of different lengths or not of that kind.</exception>
    public SeveritySchedule(IReadOnlyList<double> times, IReadOnlyList<double> severities)
    {
        (Times, Severities) = ([.. times], [.. severities]);
        var fits = Times.Count == Severities.Count && Times.Count >= 2 && Times[0] == 0 && Times[^1] == 1;
        for (var i = 0; fits && i < Times.Count; i++)
            fits = Severities[i] is >= 0 and <= 1 && (i == 0 || (Times[i] > Times[i - 1] && Severities[i] >= Severities[i - 1]));
        if (!fits) throw new OperatorException("a severity schedule needs times that rise from 0 to 1, and for each a severity from 0 to 1 that does not fall");
    }

    /// <summary>Severity is time.</summary>
    public static SeveritySchedule Linear { get; } = new([0, 1], [0, 1]);

    /// <summary>The times, from 0 to 1.</summary>
    public IReadOnlyList<double> Times { get; }

    /// <summary>The severity at each time.</summary>
    public IReadOnlyList<double> Severities { get; }

    /// <summary>The severity at a time; times outside [0, 1] are as the nearer end.</summary>
    public double At(double time)
    {
        if (!(time > 0)) return Severities[0];
        for (var i = 1; i < Times.Count; i++)
        {
            if (time > Times[i]) continue;
            var share = (time - Times[i - 1]) / (Times[i] - Times[i - 1]);
            return Severities[i - 1] + share * (Severities[i] - Severities[i - 1]);
        }
        return Severities[^1];
    }

    /// <inheritdoc/>
    public bool Equals(SeveritySchedule? other) => other is not null && Times.SequenceEqual(other.Times) && Severities.SequenceEqual(other.Severities);

    /// <inheritdoc/>
    public override int GetHashCode() => HashCode.Combine(Times.Count, Severities[Severities.Count / 2]);
}
