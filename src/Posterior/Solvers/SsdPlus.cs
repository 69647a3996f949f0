namespace Posterior.Solvers;

/// <summary>
/// SSD+ (Liu, Sun, Li et al. 2024, Sec. 3.4): shortcut sampling for measurements with noise of unknown level or compression artefacts. Estimates are projected on the measurement
/// only while the state is noisier than its flaws; below <see cref="StopTime"/> the prior alone decides, so the flaws are not copied.
/// </summary>
public sealed record SsdPlus : Ssd
{
    /// <summary>Its line in the catalogue.</summary>
    public static new SolverEntry Entry { get; } = Line(new SsdPlus(), "SSD for noise of unknown level and compressed measurements")
        .Whole("stop-time", s => ((SsdPlus)s).StopTime, (s, v) => (SsdPlus)s with { StopTime = v });

    /// <inheritdoc/>
    public override string Name => "ssd+";

    /// <inheritdoc/>
    public override bool HandlesNoise => true;

    /// <summary>The time at which projection stops: <c>floor((t0 - stop) / t0 steps)</c> steps project, evaluated from left to right in double precision.</summary>
    public int StopTime { get; init; } = 200;

    /// <inheritdoc/>
    internal override int ProjectedSteps => (int)((StartTime - StopTime) / (double)StartTime * Steps);

    /// <inheritdoc/>
    protected override IEnumerable<string> Problems() => [.. base.Problems(), .. Between("stop-time", StopTime, 0, Math.Max(0, StartTime))];
}
