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
    public abstract IReadOnlyList<SolverSetting> Settings { get; }

    /// <summary>The names of the settings.</summary>
    public IReadOnlyList<string> Options => [.. Settings.Select(setting => setting.Name)];

    /// <summary>An entry without settings; add them by <see cref="SolverEntry{TSolver}.Whole"/> and its siblings.</summary>
    /// <param name="solver">The solver with its paper's settings.</param>
    /// <param name="description">When to use it, in a few words.</param>
    /// <param name="paper">Where it comes from.</param>
    public static SolverEntry<TSolver> Of<TSolver>(TSolver solver, string description, string paper)
        where TSolver : Solver => new(solver, description, paper);

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

    /// <summary>The solver with settings, not checked for their range.</summary>
    protected abstract Solver Make(SolverSettings settings);
}

/// <summary>An entry of one type of solver.</summary>
/// <typeparam name="TSolver">The solver.</typeparam>
public sealed record SolverEntry<TSolver> : SolverEntry
    where TSolver : Solver
{
    private readonly (SolverSetting Setting, Func<TSolver, string, TSolver> Apply)[] _settings = [];

    internal SolverEntry(TSolver solver, string description, string paper)
        : base(description, paper, solver)
    {
    }

    /// <inheritdoc/>
    public override IReadOnlyList<SolverSetting> Settings => [.. _settings.Select(pair => pair.Setting)];

    private TSolver Solver => (TSolver)Default;

    /// <summary>Adds a setting that is a whole number.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="get">Reads it off the solver.</param>
    /// <param name="set">The solver with another value.</param>
    public SolverEntry<TSolver> Whole(string name, Func<TSolver, int> get, Func<TSolver, int, TSolver> set) =>
        With(new(name, SettingText.Write(get(Solver)), SettingText.Whole), (solver, text) => set(solver, SettingText.ReadWhole(text)));

    /// <summary>Adds a setting that is a number.</summary>
    /// <inheritdoc cref="Whole"/>
    public SolverEntry<TSolver> Number(string name, Func<TSolver, double> get, Func<TSolver, double, TSolver> set) =>
        With(new(name, SettingText.Write(get(Solver)), SettingText.Number), (solver, text) => set(solver, SettingText.ReadNumber(text)));

    /// <summary>Adds a setting that is a number, and whose default follows from the measurement.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="set">The solver with a value.</param>
    public SolverEntry<TSolver> Number(string name, Func<TSolver, double, TSolver> set) =>
        With(new(name, "auto", SettingText.Number), (solver, text) => set(solver, SettingText.ReadNumber(text)));

    /// <summary>Adds a setting that is yes or no.</summary>
    /// <inheritdoc cref="Whole"/>
    public SolverEntry<TSolver> Flag(string name, Func<TSolver, bool> get, Func<TSolver, bool, TSolver> set) =>
        With(new(name, SettingText.Write(get(Solver)), SettingText.Flag), (solver, text) => set(solver, SettingText.ReadFlag(text)));

    /// <summary>Adds a setting that is one of the names of an enumeration.</summary>
    /// <inheritdoc cref="Whole"/>
    public SolverEntry<TSolver> Choice<TEnum>(string name, Func<TSolver, TEnum> get, Func<TSolver, TEnum, TSolver> set)
        where TEnum : struct, Enum =>
        With(new(name, SettingText.NameOf(get(Solver)), string.Join(", ", Enum.GetValues<TEnum>().Select(SettingText.NameOf))), (solver, text) => set(solver, SettingText.ReadChoice<TEnum>(text)));

    /// <summary>Adds a setting that names several at once; those that follow override it.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="names">The names that there are, the default first.</param>
    /// <param name="set">The solver with a value.</param>
    public SolverEntry<TSolver> Preset(string name, IReadOnlyList<string> names, Func<TSolver, string, TSolver> set) => With(new(name, names[0], string.Join(", ", names)), set);

    /// <inheritdoc/>
    public bool Equals(SolverEntry<TSolver>? other) => ReferenceEquals(this, other);

    /// <inheritdoc/>
    public override int GetHashCode() => Name.GetHashCode(StringComparison.Ordinal);

    /// <inheritdoc/>
    protected override Solver Make(SolverSettings settings)
    {
        var (solver, problems) = (Solver, new List<string>());
        foreach (var (setting, apply) in _settings)
        {
            if (!settings.Values.TryGetValue(setting.Name, out var text)) continue;
            try
            {
                solver = apply(solver, text);
            }
            catch (FormatException)
            {
                problems.Add($"{setting.Name} is '{text}', expected {setting.Kind}");
            }
        }
        return problems.Count == 0 ? solver : throw new SolverOptionsException($"solver '{Name}': {string.Join("; ", problems)}");
    }

    private SolverEntry<TSolver> With(SolverSetting setting, Func<TSolver, string, TSolver> apply) => new(this, [.. _settings, (setting, apply)]);

    private SolverEntry(SolverEntry<TSolver> entry, (SolverSetting, Func<TSolver, string, TSolver>)[] settings)
        : base(entry) => _settings = settings;
}
