using Posterior.Diffusion;

namespace Posterior.Solvers;

/// <summary>One solver of the catalogue. A solver's own file makes it, by <see cref="Of"/>, and names its settings there.</summary>
/// <param name="Description">When to use it, in a few words.</param>
/// <param name="Paper">Where it comes from.</param>
/// <param name="Default">The solver with its paper's settings.</param>
public abstract record SolverEntry(string Description, string Paper, Solver Default)
{
    /// <summary>Its name on the command line.</summary>
    public string Name => Default.Name;

    /// <summary>What it needs of the operator.</summary>
    public string Needs => Default.Needs;

    /// <summary>The settings that it has.</summary>
    public abstract IReadOnlyList<NamedSetting> Settings { get; }

    /// <summary>The names of the settings.</summary>
    public IReadOnlyList<string> Options => [.. Settings.Select(setting => setting.Name)];

    /// <summary>An entry without settings; add them by <see cref="SolverEntry{TSolver}.Whole"/> and its siblings.</summary>
    /// <param name="solver">The solver with its paper's settings.</param>
    /// <param name="description">When to use it, in a few words.</param>
    /// <param name="paper">Where it comes from.</param>
    public static SolverEntry<TSolver> Of<TSolver>(TSolver solver, string description, string paper)
        where TSolver : Solver => new(new NamedSettings<TSolver>(solver), description, paper);

    /// <summary>A solver with checked settings.</summary>
    /// <exception cref="SolverOptionsException">The solver has no such setting, or settings are no values of their kind or out of range.</exception>
    public Solver Create(SolverSettings settings)
    {
        var foreign = settings.Values.Keys.Except(Options).ToArray();
        if (foreign.Length > 0)
            throw new SolverOptionsException($"solver '{Name}' has no setting {string.Join(", ", foreign)}; it has {(Options.Count > 0 ? string.Join(", ", Options) : "none")}");
        var solver = Make(settings);
        solver.Validate();
        return solver;
    }

    /// <summary>The value of every setting of a solver, defaults included; without those that name several at once, or that follow from something else where they are not given.</summary>
    /// <param name="settings">The settings that are given.</param>
    public abstract SolverSettings Complete(SolverSettings settings);

    /// <summary>The solver with settings, not checked for their range.</summary>
    protected abstract Solver Make(SolverSettings settings);
}

/// <summary>An entry of one type of solver; each method adds a setting, as in <see cref="NamedSettings{T}"/>.</summary>
/// <typeparam name="TSolver">The solver.</typeparam>
public sealed record SolverEntry<TSolver> : SolverEntry
    where TSolver : Solver
{
    private readonly NamedSettings<TSolver> _settings;

    internal SolverEntry(NamedSettings<TSolver> settings, string description, string paper)
        : base(description, paper, settings.Default) => _settings = settings;

    /// <inheritdoc/>
    public override IReadOnlyList<NamedSetting> Settings => _settings.All;

    /// <inheritdoc cref="NamedSettings{T}.Whole"/>
    public SolverEntry<TSolver> Whole(string name, Func<TSolver, int> get, Func<TSolver, int, TSolver> set) => With(_settings.Whole(name, get, set));

    /// <inheritdoc cref="NamedSettings{T}.Number(string, Func{T, double}, Func{T, double, T})"/>
    public SolverEntry<TSolver> Number(string name, Func<TSolver, double> get, Func<TSolver, double, TSolver> set) => With(_settings.Number(name, get, set));

    /// <inheritdoc cref="NamedSettings{T}.Number(string, Func{T, double, T})"/>
    public SolverEntry<TSolver> Number(string name, Func<TSolver, double, TSolver> set) => With(_settings.Number(name, set));

    /// <inheritdoc cref="NamedSettings{T}.Flag"/>
    public SolverEntry<TSolver> Flag(string name, Func<TSolver, bool> get, Func<TSolver, bool, TSolver> set) => With(_settings.Flag(name, get, set));

    /// <inheritdoc cref="NamedSettings{T}.Choice"/>
    public SolverEntry<TSolver> Choice<TEnum>(string name, Func<TSolver, TEnum> get, Func<TSolver, TEnum, TSolver> set)
        where TEnum : struct, Enum => With(_settings.Choice(name, get, set));

    /// <inheritdoc cref="NamedSettings{T}.Preset"/>
    public SolverEntry<TSolver> Preset(string name, IReadOnlyList<string> names, Func<TSolver, string, TSolver> set) => With(_settings.Preset(name, names, set));

    /// <inheritdoc cref="NamedSettings{T}.Text"/>
    public SolverEntry<TSolver> Text(string name, string kind, Func<TSolver, string> get, Func<TSolver, string, TSolver> set) => With(_settings.Text(name, kind, get, set));

    /// <summary>Adds the setting <c>schedule</c>: a name of <see cref="ScheduleCatalog"/>, or one for what null means to the solver.</summary>
    /// <param name="own"><c>prior</c> for the prior's own noise levels, <c>process</c> for the discrete process of its training, or the usual one where it has none.</param>
    /// <param name="get">Reads the noise levels off the solver.</param>
    /// <param name="set">The solver with other noise levels.</param>
    public SolverEntry<TSolver> Schedule(string own, Func<TSolver, NoiseSchedule?> get, Func<TSolver, NoiseSchedule?, TSolver> set) => With(_settings.Text(
        "schedule",
        string.Join(", ", [own, .. ScheduleCatalog.All.Keys]),
        solver => get(solver) is { } schedule ? ScheduleCatalog.All.FirstOrDefault(named => named.Value.Equals(schedule)).Key ?? schedule.ToString() : own,
        (solver, text) => set(solver, text == own ? null : ScheduleCatalog.All.TryGetValue(text, out var named) ? named : throw new FormatException())));

    /// <inheritdoc/>
    public bool Equals(SolverEntry<TSolver>? other) => ReferenceEquals(this, other);

    /// <inheritdoc/>
    public override int GetHashCode() => Name.GetHashCode(StringComparison.Ordinal);

    /// <inheritdoc/>
    public override SolverSettings Complete(SolverSettings settings) =>
        _settings.Values((TSolver)Create(settings)).Where(pair => !settings.Values.ContainsKey(pair.Name)).Aggregate(settings, (all, pair) => all.With(pair.Name, pair.Value));

    /// <inheritdoc/>
    protected override Solver Make(SolverSettings settings)
    {
        var problems = new List<string>();
        var solver = _settings.Apply(settings.Values, problems);
        return problems.Count == 0 ? solver : throw new SolverOptionsException($"solver '{Name}': {string.Join("; ", problems)}");
    }

    private SolverEntry<TSolver> With(NamedSettings<TSolver> settings) => new(settings, Description, Paper);
}
