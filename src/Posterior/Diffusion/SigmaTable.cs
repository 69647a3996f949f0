namespace Posterior.Diffusion;

/// <summary>Finds the timestep of a noise level in the table of a discrete variance-preserving process.</summary>
internal sealed class SigmaTable
{
    // Sigmas that were computed in another order of operations, or in single precision, still count as being on the table.
    private const double OnTable = 1e-6;

    private readonly double[] _logSigmas;

    /// <param name="sigmas">sqrt((1 - abar_t) / abar_t) for t = 0, 1, ...: positive and ascending.</param>
    /// <exception cref="ArgumentException">The table has fewer than two entries or does not ascend.</exception>
    public SigmaTable(IReadOnlyList<double> sigmas)
    {
        ArgumentNullException.ThrowIfNull(sigmas);
        if (sigmas.Count < 2) throw new ArgumentException($"a sigma table needs two entries, found {sigmas.Count}", nameof(sigmas));
        for (var t = 0; t < sigmas.Count; t++)
            if (!(sigmas[t] > (t == 0 ? 0 : sigmas[t - 1])) || !double.IsFinite(sigmas[t]))
                throw new ArgumentException(FormattableString.Invariant($"a sigma table is positive and ascending, found {sigmas[t]} at t = {t}"), nameof(sigmas));
        _logSigmas = [.. sigmas.Select(sigma => Math.Log(sigma))];
        Range = (sigmas[0], sigmas[^1]);
    }

    /// <summary>The first and the last entry.</summary>
    public (double Min, double Max) Range { get; }

    /// <summary>The timestep whose sigma this is: an integer on the table, linear in ln sigma between, the nearest end outside.</summary>
    public double Time(double sigma)
    {
        var wanted = Math.Log(sigma);
        if (wanted <= _logSigmas[0]) return 0;
        if (wanted >= _logSigmas[^1]) return _logSigmas.Length - 1;
        var next = Array.BinarySearch(_logSigmas, wanted);
        if (next >= 0) return next;
        next = ~next;
        var time = next - 1 + (wanted - _logSigmas[next - 1]) / (_logSigmas[next] - _logSigmas[next - 1]);
        var nearest = Math.Round(time);
        return Math.Abs(time - nearest) < OnTable ? nearest : time;
    }
}
