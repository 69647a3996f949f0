using System.Globalization;

namespace Posterior.Diffusion;

/// <summary>
/// The variance-preserving process of DDPM (Ho et al. 2020) in discrete time: <c>x_t = sqrt(abar_t) x0 + sqrt(1 - abar_t) n</c>, and its tables. Divided by <c>sqrt(abar_t)</c> it is the library's form, with <c>sigma_t = sqrt((1 - abar_t) / abar_t)</c> (DDRM App. B).
/// </summary>
public sealed record VpSchedule : NoiseSchedule
{
    private readonly double[] _betas, _abar;
    private readonly int[] _timesteps;

    private VpSchedule(double[] betas, int[] timesteps)
    {
        (_betas, _timesteps, _abar) = (betas, timesteps, new double[betas.Length]);
        var product = 1.0;
        for (var i = 0; i < betas.Length; i++) _abar[i] = product *= 1 - betas[i];
    }

    /// <summary>The number of time steps.</summary>
    public int Count => _betas.Length;

    /// <inheritdoc/>
    public override int MostSteps => Count;

    /// <summary>For each step, the time of the process that the network was trained on; 0, 1, ... unless respaced.</summary>
    public IReadOnlyList<int> Timesteps => _timesteps;

    /// <summary>The variance that each step adds.</summary>
    public IReadOnlyList<double> Betas => _betas;

    /// <summary>abar: the cumulative product of 1 - beta, the signal's share of the variance.</summary>
    public IReadOnlyList<double> CumulativeAlphas => _abar;

    /// <summary>The noise level of each step, ascending, for the state divided by <c>sqrt(abar)</c>: the table that network adapters take.</summary>
    public IReadOnlyList<double> Sigmas => [.. Enumerable.Range(0, Count).Select(Sigma)];

    /// <summary>Betas equally spaced, both ends included (Ho et al. 2020).</summary>
    /// <param name="count">The number of time steps.</param>
    /// <param name="start">The first beta.</param>
    /// <param name="end">The last one.</param>
    /// <exception cref="ArgumentOutOfRangeException">There are no steps.</exception>
    public static VpSchedule Linear(int count = 1000, double start = 1e-4, double end = 2e-2)
    {
        RequireSteps(count);
        return Of(count, i => count == 1 ? start : start + i * (end - start) / (count - 1));
    }

    /// <summary>abar follows a squared cosine (Nichol, Dhariwal 2021, Eq. 17), betas at most 0.999.</summary>
    /// <param name="count">The number of time steps.</param>
    /// <exception cref="ArgumentOutOfRangeException">There are no steps.</exception>
    public static VpSchedule Cosine(int count = 1000)
    {
        RequireSteps(count);
        return Of(count, i => Math.Min(1 - Share((i + 1.0) / count) / Share((double)i / count), 0.999));

        static double Share(double t) => Math.Pow(Math.Cos((t + 0.008) / 1.008 * Math.PI / 2), 2);
    }

    /// <summary>A schedule of given betas.</summary>
    /// <exception cref="ArgumentException">A beta is not between 0 and 1.</exception>
    public static VpSchedule OfBetas(IReadOnlyList<double> betas)
    {
        foreach (var beta in betas)
            if (!(beta is > 0 and < 1)) throw new ArgumentException($"a beta is between 0 and 1, not {beta}");
        return Of(betas.Count, i => betas[i]);
    }

    /// <summary>The noise level of a step, for the state divided by <c>sqrt(abar)</c>.</summary>
    public double Sigma(int step) => Math.Sqrt((1 - _abar[step]) / _abar[step]);

    /// <summary>abar one step earlier, 1 before the first.</summary>
    public double PreviousCumulativeAlpha(int step) => step == 0 ? 1 : _abar[step - 1];

    /// <summary>The variance of <c>x_{t-1}</c> given <c>x_t</c> and <c>x0</c> (DDPM Eq. 7).</summary>
    public double PosteriorVariance(int step) => _betas[step] * (1 - PreviousCumulativeAlpha(step)) / (1 - _abar[step]);

    /// <summary>The logarithm of <see cref="PosteriorVariance"/>; the first, which would be -infinity, repeats the second.</summary>
    public double ClippedPosteriorLogVariance(int step) => Math.Log(PosteriorVariance(Math.Max(step, Math.Min(1, Count - 1))));

    /// <summary>The weights of <c>x0</c> and <c>x_t</c> in the mean of <c>x_{t-1}</c> (DDPM Eq. 7).</summary>
    public (double Estimate, double State) PosteriorMean(int step) =>
        (_betas[step] * Math.Sqrt(PreviousCumulativeAlpha(step)) / (1 - _abar[step]),
         (1 - PreviousCumulativeAlpha(step)) * Math.Sqrt(1 - _betas[step]) / (1 - _abar[step]));

    /// <summary>
    /// The levels at the times 0, skip, 2 skip, ... with <c>skip = floor(Count / steps)</c>, as DDRM's code takes them: when steps does not divide Count there
    /// are more than <paramref name="steps"/> of them (30 of 1000 give 31).
    /// </summary>
    /// <inheritdoc/>
    public override double[] Levels(int steps)
    {
        RequireSteps(steps, Count);
        var skip = Count / steps;
        var levels = new double[(Count - 1) / skip + 2];
        for (var i = 0; i < levels.Length - 1; i++) levels[^(i + 2)] = Sigma(i * skip);
        return levels;
    }

    /// <inheritdoc/>
    public override double InitialScale(double sigma) => Math.Sqrt(1 + sigma * sigma);

    /// <summary>
    /// The process seen at some of its times only (Nichol, Dhariwal 2021, Sec. 4). <c>50</c>: 50 times from first to last; <c>10,15,20</c>: so many in equal
    /// sections of the process; <c>ddim25</c>: the first whole stride that gives exactly 25 times from 0, which leaves the last time out.
    /// </summary>
    /// <exception cref="ArgumentException">The text has another form or asks for more times than there are.</exception>
    public VpSchedule Respace(string spacing) => Respace(Respacing.Times(Count, spacing));

    /// <summary>The process seen at ascending steps only.</summary>
    /// <exception cref="ArgumentException">The steps do not ascend or are not of this process.</exception>
    public VpSchedule Respace(IReadOnlyList<int> steps)
    {
        var betas = new double[steps.Count];
        var before = 1.0;
        for (var i = 0; i < betas.Length; i++)
        {
            if (steps[i] < 0 || steps[i] >= Count || i > 0 && steps[i] <= steps[i - 1])
                throw new ArgumentException($"steps of a process of {Count} ascend from 0 to {Count - 1}; found {steps[i]} at position {i}");
            betas[i] = 1 - _abar[steps[i]] / before;
            before = _abar[steps[i]];
        }
        return betas.Length > 0 ? new(betas, [.. steps.Select(step => _timesteps[step])]) : throw new ArgumentException("a process needs at least one step");
    }

    /// <inheritdoc/>
    public bool Equals(VpSchedule? other) => other is not null && _betas.AsSpan().SequenceEqual(other._betas) && _timesteps.AsSpan().SequenceEqual(other._timesteps);

    /// <inheritdoc/>
    public override int GetHashCode() => HashCode.Combine(Count, _abar[^1], _betas[0], _timesteps[^1]);

    /// <inheritdoc/>
    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"variance preserving, {Count} steps, sigma {Sigma(0):g4} to {Sigma(Count - 1):g4}");

    private static VpSchedule Of(int count, Func<int, double> beta) => new([.. Enumerable.Range(0, count).Select(beta)], [.. Enumerable.Range(0, count)]);
}
