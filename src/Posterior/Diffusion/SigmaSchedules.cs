using System.Globalization;

namespace Posterior.Diffusion;

/// <summary>Levels equally spaced in <c>sigma^(1/rho)</c> (Karras et al. 2022, Eq. 5): most of them at low noise.</summary>
/// <param name="Min">The last level above 0.</param>
/// <param name="Max">The first level.</param>
/// <param name="Rho">The exponent.</param>
public sealed record KarrasSchedule(double Min = 0.002, double Max = 80, double Rho = 7) : NoiseSchedule
{
    /// <inheritdoc/>
    public override double[] Levels(int steps)
    {
        RequireSteps(steps);
        var (high, low) = (Math.Pow(Max, 1 / Rho), Math.Pow(Min, 1 / Rho));
        return Grid.Of(steps, ramp => Math.Pow(high + ramp * (low - high), Rho));
    }
}

/// <summary>Levels with equal ratios: the variance-exploding process of Song et al. 2021, called exponential elsewhere.</summary>
/// <param name="Min">The last level above 0.</param>
/// <param name="Max">The first level.</param>
public sealed record GeometricSchedule(double Min = 0.002, double Max = 80) : NoiseSchedule
{
    /// <inheritdoc/>
    public override double[] Levels(int steps)
    {
        RequireSteps(steps);
        return Grid.Of(steps, ramp => Math.Exp(Math.Log(Max) + ramp * (Math.Log(Min) - Math.Log(Max))));
    }
}

/// <summary>Levels equally spaced in a power of ln sigma: <c>ln sigma = ln Min + u^Rho (ln Max - ln Min)</c>, u from 1 to 0.</summary>
/// <param name="Min">The last level above 0.</param>
/// <param name="Max">The first level.</param>
/// <param name="Rho">The exponent; 1 is <see cref="GeometricSchedule"/>, above it the low levels lie closer.</param>
public sealed record PolyexponentialSchedule(double Min = 0.002, double Max = 80, double Rho = 1) : NoiseSchedule
{
    /// <inheritdoc/>
    public override double[] Levels(int steps)
    {
        RequireSteps(steps);
        return Grid.Of(steps, ramp => Math.Exp(Math.Log(Min) + Math.Pow(1 - ramp, Rho) * (Math.Log(Max) - Math.Log(Min))));
    }
}

/// <summary>The variance-preserving process in continuous time (Song et al. 2021): <c>sigma(t)^2 = exp(BetaD t^2 / 2 + BetaMin t) - 1</c>, t equally spaced from 1 to <c>End</c>.</summary>
/// <param name="BetaD">The growth of beta over the unit of time.</param>
/// <param name="BetaMin">beta at time 0.</param>
/// <param name="End">The last time above 0.</param>
public sealed record ContinuousVpSchedule(double BetaD = 19.9, double BetaMin = 0.1, double End = 1e-3) : NoiseSchedule
{
    /// <inheritdoc/>
    public override double[] Levels(int steps)
    {
        RequireSteps(steps);
        var process = new VpPreconditioning(BetaD, BetaMin);
        return Grid.Of(steps, ramp => process.Sigma(1 + ramp * (End - 1)));
    }

    /// <inheritdoc/>
    public override double InitialScale(double sigma) => Math.Sqrt(1 + sigma * sigma);
}

/// <summary>
/// <c>sigma(t) = Median tan(pi t / 2)</c>, t equally spaced: the cosine process (Nichol, Dhariwal 2021, Eq. 17) in continuous time, its signal-to-noise ratio
/// shifted (Hoogeboom, Heek, Salimans 2023, arXiv:2301.11093, Sec. 3.1). Half of the levels lie between 0.4 and 2.4 times the median, where the structure of an image is decided.
/// </summary>
/// <param name="Median">The noise level of the middle of the process; 1 is the cosine process itself.</param>
/// <param name="Min">The last level above 0.</param>
/// <param name="Max">The first level.</param>
public sealed record ShiftedCosineSchedule(double Median = 0.7, double Min = 0.03, double Max = 100) : NoiseSchedule
{
    /// <inheritdoc/>
    public override double[] Levels(int steps)
    {
        RequireSteps(steps);
        var (first, last) = (Math.Atan(Max / Median), Math.Atan(Min / Median));
        return Grid.Of(steps, ramp => Median * Math.Tan(first + ramp * (last - first)));
    }

    /// <inheritdoc/>
    public override double InitialScale(double sigma) => Math.Sqrt(1 + sigma * sigma);
}

/// <summary>Levels given one by one.</summary>
public sealed record ExplicitSchedule : NoiseSchedule
{
    private readonly double[] _levels;

    /// <summary>A schedule of these levels.</summary>
    /// <param name="sigmas">Strictly descending and positive, without the final 0.</param>
    /// <exception cref="ArgumentException">The levels do not descend or are not positive.</exception>
    public ExplicitSchedule(params double[] sigmas) => _levels = [.. Checked(sigmas), 0];

    /// <summary>All levels, whatever the number of steps.</summary>
    public override double[] Levels(int steps) => [.. _levels];

    /// <inheritdoc/>
    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{nameof(ExplicitSchedule)} {{ {string.Join(", ", _levels[..^1].Select(level => level.ToString("R", CultureInfo.InvariantCulture)))} }}");

    /// <inheritdoc/>
    public bool Equals(ExplicitSchedule? other) => other is not null && _levels.AsSpan().SequenceEqual(other._levels);

    /// <inheritdoc/>
    public override int GetHashCode() => HashCode.Combine(_levels.Length, _levels[0]);

    private static double[] Checked(double[] sigmas)
    {
        for (var i = 0; i < sigmas.Length; i++)
            if (!(sigmas[i] > 0) || i > 0 && sigmas[i] >= sigmas[i - 1])
                throw new ArgumentException($"noise levels descend and are positive; level {i} of {string.Join(", ", sigmas)} does not");
        return sigmas.Length > 0 ? sigmas : throw new ArgumentException("a schedule needs at least one noise level");
    }
}

internal static class Grid
{
    /// <summary>f at 0, 1/(n-1), ..., 1, then 0; f(0) for n = 1.</summary>
    public static double[] Of(int n, Func<double, double> f)
    {
        var grid = new double[n + 1];
        for (var i = 0; i < n; i++) grid[i] = f(n == 1 ? 0 : i / (n - 1.0));
        return grid;
    }
}
