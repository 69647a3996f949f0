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

    /// <summary>Draws a level.</summary>
    public double Sample(ref RandomStream random)
    {
        if (random.Uniform() < UniformShare) return Min * Math.Pow(Max / Min, random.Uniform());
        // Box and Muller 1958.
        var normal = Math.Sqrt(-2 * Math.Log(1 - random.Uniform())) * Math.Cos(2 * Math.PI * random.Uniform());
        return Math.Clamp(Math.Exp(LogMean + LogDeviation * normal), Min, Max);
    }
}
