namespace Posterior.Training;

/// <summary>
/// The distribution of noise levels in training: log-normal (EDM, Karras et al. 2022, Sec. 5) mixed with log-uniform levels,
/// because DDRM starts near sigma 100, which the log-normal alone never visits.
/// </summary>
public sealed record NoiseLevels
{
    /// <summary>The mean of ln(sigma) of the log-normal part.</summary>
    public double LogMean { get; init; } = -1.2;

    /// <summary>The standard deviation of ln(sigma) of the log-normal part.</summary>
    public double LogDeviation { get; init; } = 1.2;

    /// <summary>The share of log-uniform levels.</summary>
    public double UniformShare { get; init; } = 0.25;

    /// <summary>The lowest level.</summary>
    public double Min { get; init; } = 0.002;

    /// <summary>The highest level.</summary>
    public double Max { get; init; } = 160;

    /// <summary>Refuses what is no distribution.</summary>
    /// <exception cref="TrainingException">A number is out of range.</exception>
    public void Check()
    {
        if (!(Min > 0 && Max > Min)) throw new TrainingException(FormattableString.Invariant($"noise levels: expected 0 < min < max, found {Min} and {Max}"));
        if (!double.IsFinite(LogMean)) throw new TrainingException(FormattableString.Invariant($"log-sigma: expected a finite number, found {LogMean}"));
        if (!(LogDeviation > 0 && double.IsFinite(LogDeviation))) throw new TrainingException(FormattableString.Invariant($"log-deviation: expected a positive number, found {LogDeviation}"));
        if (!(UniformShare is >= 0 and <= 1)) throw new TrainingException(FormattableString.Invariant($"uniform-share: expected 0 to 1, found {UniformShare}"));
    }

    /// <summary>Draws a level.</summary>
    public double Sample(ref RandomStream random)
    {
        if (random.Uniform() < UniformShare) return Min * Math.Pow(Max / Min, random.Uniform());
        // Box and Muller 1958.
        var normal = Math.Sqrt(-2 * Math.Log(1 - random.Uniform())) * Math.Cos(2 * Math.PI * random.Uniform());
        return Math.Clamp(Math.Exp(LogMean + LogDeviation * normal), Min, Max);
    }
}
