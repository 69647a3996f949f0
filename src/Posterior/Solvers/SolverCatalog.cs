namespace Posterior.Solvers;

/// <summary>All solvers by name: one line each. What stands here appears on the command line, in tables and in the tests.</summary>
public static class SolverCatalog
{
    /// <summary>The solvers, the recommended one first.</summary>
    public static IReadOnlyList<SolverEntry> All { get; } =
    [
        Ddrm.Entry,
        Ddnm.Entry,
        DdnmPlus.Entry,
        Ssd.Entry,
        SsdPlus.Entry,
        Ilvr.Entry,
        Snips.Entry,
        Dps.Entry,
        PiGdm.Entry,
        Daps.Entry,
        DiffPir.Entry,
        RedDiff.Entry,
        Mcg.Entry,
        InvFussion.Entry,
        Palette.Entry,
        Nppc.Entry,
        Red.Entry,
        PnpAdmm.Entry,
        AdmmTv.Entry,
        Dirac.Entry,
        Indi.Entry,
        OneShot.Entry,
        PriorSample.Entry,
        PseudoInverseSolver.Entry,
        Bicubic.Entry,
        UnchangedMeasurement.Entry,
    ];

    /// <summary>The solvers that work with any prior.</summary>
    public static IEnumerable<SolverEntry> ForPriors => All.Where(entry => entry.Default.AcceptsPriors);

    /// <summary>The entry of a name.</summary>
    /// <exception cref="SolverOptionsException">No solver has the name; the nearest one is suggested.</exception>
    public static SolverEntry Find(string name)
    {
        var names = All.Select(entry => entry.Name);
        return All.FirstOrDefault(entry => entry.Name.Equals(name, StringComparison.OrdinalIgnoreCase))
            ?? throw new SolverOptionsException($"no solver is called '{name}'{(Spelling.Nearest(name, names) is { } nearest ? $", did you mean '{nearest}'?" : ";")} there are {string.Join(", ", names)}");
    }

    /// <summary>A solver with settings.</summary>
    /// <exception cref="SolverOptionsException">The name is unknown, the solver has no such setting, or a setting is no value of its kind or out of range.</exception>
    public static Solver Create(string name, SolverSettings? settings = null) => Find(name).Create(settings ?? new());
}
