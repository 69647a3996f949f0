
namespace Posterior.Solvers;

/// <summary>All solvers by name: one line each. What stands here appears on the command line, in tables and in the tests.</summary>
public static class SolverCatalog
{
    private const string Any = "any operator", Linear = "a linear operator", Spectral = "an operator with singular values";

    private static readonly Ddrm _ddrm = new();
    private static readonly Ddnm _ddnm = new();
    private static readonly DdnmPlus _ddnmPlus = new();
    private static readonly Ilvr _ilvr = new();
    private static readonly Ssd _ssd = new();
    private static readonly SsdPlus _ssdPlus = new();
    private static readonly Snips _snips = new();
    private static readonly Dps _dps = new();
    private static readonly PiGdm _piGdm = new();
    private static readonly Daps _daps = new();
    private static readonly RedDiff _redDiff = new();
    private static readonly Mcg _mcg = new();

    /// <summary>The solvers, the recommended one first.</summary>
    public static IReadOnlyList<SolverEntry> All { get; } =
    [
        new("ddrm", "fast and robust, with or without noise", "Kawar et al. 2022, arXiv:2201.11793", Spectral, ["steps", "eta", "eta-b", "final-projection"], o => _ddrm with { Steps = o.Steps ?? _ddrm.Steps, Eta = o.Eta ?? _ddrm.Eta, EtaB = o.EtaB ?? _ddrm.EtaB, FinalProjection = o.FinalProjection ?? _ddrm.FinalProjection }),
        new("ddnm", "exact data consistency without noise; time travel for hard tasks", "Wang et al. 2023, arXiv:2212.00490", Linear, ["steps", "eta", "travel-length", "travel-repeat"], o => _ddnm with { Steps = o.Steps ?? _ddnm.Steps, Eta = o.Eta ?? _ddnm.Eta, TravelLength = o.TravelLength ?? _ddnm.TravelLength, TravelRepeat = o.TravelRepeat ?? _ddnm.TravelRepeat }),
        new("ddnm+", "DDNM for noisy measurements", "Wang et al. 2023, arXiv:2212.00490", Spectral, ["steps", "eta", "travel-length", "travel-repeat"], o => _ddnmPlus with { Steps = o.Steps ?? _ddnmPlus.Steps, Eta = o.Eta ?? _ddnmPlus.Eta, TravelLength = o.TravelLength ?? _ddnmPlus.TravelLength, TravelRepeat = o.TravelRepeat ?? _ddnmPlus.TravelRepeat }),
        new("ssd", "few evaluations without noise: starts from the measurement, not from noise", "Liu et al. 2024, arXiv:2305.16965", Linear, ["preset", "steps", "inversion-steps", "eta"], o => Shortcut(_ssd, o)),
        new("ssd+", "SSD for noise of unknown level and compressed measurements", "Liu et al. 2024, arXiv:2305.16965", Linear, ["preset", "steps", "inversion-steps", "eta"], o => Shortcut(_ssdPlus, o)),
        new("ilvr", "DDRM's noiseless limit for operators without singular values", "Choi et al. 2021, arXiv:2108.02938", Linear, ["steps", "final-projection"], o => _ilvr with { Steps = o.Steps ?? _ilvr.Steps, FinalProjection = o.FinalProjection ?? _ilvr.FinalProjection }),
        new("snips", "annealed Langevin dynamics, many evaluations: for comparison", "Kawar et al. 2021, arXiv:2105.14951", Spectral, ["steps", "steps-per-level", "step-size"], o => _snips with { Steps = o.Steps ?? _snips.Steps, StepsPerLevel = o.StepsPerLevel ?? _snips.StepsPerLevel, StepSize = o.StepSize ?? _snips.StepSize }),
        new("dps", "any operator, linear or not; slow, differentiates the network", "Chung et al. 2023, arXiv:2209.14687", Any, ["steps", "eta", "zeta"], o => _dps with { Steps = o.Steps ?? _dps.Steps, Eta = o.Eta ?? _dps.Eta, Zeta = o.Zeta ?? _dps.Zeta }),
        new("pigdm", "guided by the pseudo-inverse, with or without noise; differentiates the network", "Song et al. 2023, openreview 9_gsMA8MRKQ", Linear, ["steps", "eta"], o => _piGdm with { Steps = o.Steps ?? _piGdm.Steps, Eta = o.Eta ?? _piGdm.Eta }),
        new("daps", "samples by annealed Langevin dynamics; many evaluations", "Zhang et al. 2025, arXiv:2407.01521", Linear, ["steps"], o => _daps with { Steps = o.Steps ?? _daps.Steps }),
        new("red-diff", "optimises one image; no derivative of the network", "Mardani et al. 2024, arXiv:2305.04391", Linear, ["steps"], o => _redDiff with { Steps = o.Steps ?? _redDiff.Steps }),
        new("mcg", "DPS with a projection on the measurement, without noise", "Chung et al. 2022, arXiv:2206.00941", Linear, ["steps", "eta", "zeta"], o => _mcg with { Steps = o.Steps ?? _mcg.Steps, Eta = o.Eta ?? _mcg.Eta, Zeta = o.Zeta ?? _mcg.Zeta }),
        new("pinv", "the pseudo-inverse, a baseline without a prior", "Moore 1920, Penrose 1955", Linear, [], _ => new PseudoInverseSolver()),
    ];

    /// <summary>The entry of a name.</summary>
    /// <exception cref="SolverOptionsException">No solver has the name; the nearest one is suggested.</exception>
    public static SolverEntry Find(string name)
    {
        var names = All.Select(entry => entry.Name);
        return All.FirstOrDefault(entry => entry.Name.Equals(name, StringComparison.OrdinalIgnoreCase))
            ?? throw new SolverOptionsException($"no solver is called '{name}'{(Spelling.Nearest(name, names) is { } nearest ? $", did you mean '{nearest}'?" : ";")} there are {string.Join(", ", names)}");
    }

    /// <summary>A solver with settings.</summary>
    /// <exception cref="SolverOptionsException">The name is unknown, the solver has no such setting, or a setting is out of range.</exception>
    public static Solver Create(string name, SolverSettings? settings = null) => Find(name).Create(settings ?? new());

    private static Ssd Shortcut(Ssd solver, SolverSettings o)
    {
        var preset = o.Preset is { } name ? solver.With(SsdPreset.Find(name)) : solver;
        return preset with { Steps = o.Steps ?? preset.Steps, InversionSteps = o.InversionSteps ?? preset.InversionSteps, Eta = o.Eta ?? preset.Eta };
    }
}

/// <summary>One solver of the catalogue.</summary>
/// <param name="Name">Its name on the command line.</param>
/// <param name="Description">When to use it, in a few words.</param>
/// <param name="Paper">Where it comes from.</param>
/// <param name="Needs">What it needs of the operator.</param>
/// <param name="Options">The names of the settings that it has.</param>
/// <param name="Make">Makes it with settings.</param>
public sealed record SolverEntry(string Name, string Description, string Paper, string Needs, IReadOnlyList<string> Options, Func<SolverSettings, Solver> Make)
{
    /// <summary>The solver with its paper's settings.</summary>
    public Solver Default { get; } = Make(new());

    /// <summary>A solver with checked settings.</summary>
    /// <exception cref="SolverOptionsException">The solver has no such setting, or a setting is out of range.</exception>
    public Solver Create(SolverSettings settings)
    {
        var foreign = settings.Given().Except(Options).ToArray();
        if (foreign.Length > 0)
            throw new SolverOptionsException($"solver '{Name}' has no setting {string.Join(", ", foreign)}; it has {(Options.Count > 0 ? string.Join(", ", Options) : "none")}");
        var solver = Make(settings);
        solver.Validate();
        return solver;
    }
}
