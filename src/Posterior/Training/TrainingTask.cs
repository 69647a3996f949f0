using Posterior.Torch;
using Posterior.Torch.Nn;

namespace Posterior.Training;

/// <summary>What <c>posterior train</c> can teach, as plain data: its properties are the settings that only this task has.</summary>
public abstract record TrainingTask
{
    /// <summary>The objective with its network, at random weights.</summary>
    /// <param name="context">What the task must know of the data and of the training.</param>
    /// <exception cref="TrainingException">The settings contradict each other or the data.</exception>
    public abstract TrainingObjective Create(TrainingContext context);
}

/// <summary>What a task must know to build its objective.</summary>
/// <param name="Classes">The number of classes of the data; 0 for none.</param>
/// <param name="Crop">Height and width of a crop.</param>
/// <param name="Seed">The seed of the training.</param>
/// <param name="Activations">The number format of activations, where the network has a choice.</param>
public sealed record TrainingContext(int Classes, int Crop, ulong Seed, DType Activations)
{
    /// <summary>Checks that crops fit a network.</summary>
    /// <param name="network">The network, which is freed where they do not.</param>
    /// <param name="multiple">What its heights and widths are multiples of, in pixels.</param>
    /// <exception cref="TrainingException">They do not.</exception>
    public void RequireCropFor(Module network, int multiple)
    {
        if (Crop % multiple == 0) return;
        network.Dispose();
        throw new TrainingException($"crop: expected a multiple of {multiple}, found {Crop}");
    }
}

/// <summary>A task of the catalogue. A task's own file makes it, by <see cref="Of"/>, and names its settings there.</summary>
/// <param name="Name">Its name on the command line.</param>
/// <param name="Description">What it teaches, in a few words.</param>
public abstract record TrainingTaskEntry(string Name, string Description)
{
    /// <summary>The settings that it has.</summary>
    public abstract IReadOnlyList<NamedSetting> Settings { get; }

    /// <summary>An entry.</summary>
    /// <param name="name">Its name on the command line.</param>
    /// <param name="description">What it teaches, in a few words.</param>
    /// <param name="settings">Its settings by name.</param>
    public static TrainingTaskEntry Of<TTask>(string name, string description, NamedSettings<TTask> settings)
        where TTask : TrainingTask => new Entry<TTask>(name, description, settings);

    /// <summary>The task with settings.</summary>
    /// <param name="values">Texts by name.</param>
    /// <exception cref="TrainingException">A name is no setting of the task, or a text is no value of its kind.</exception>
    public TrainingTask Create(IReadOnlyDictionary<string, string> values)
    {
        var names = Settings.Select(setting => setting.Name).ToArray();
        var foreign = values.Keys.Except(names).ToArray();
        if (foreign.Length > 0)
            throw new TrainingException($"task '{Name}' has no setting {string.Join(", ", foreign)}{Spelling.Suggest(foreign[0], names)}; it has {(names.Length > 0 ? string.Join(", ", names) : "none")}");
        var problems = new List<string>();
        var task = Make(values, problems);
        return problems.Count == 0 ? task : throw new TrainingException($"task '{Name}': {string.Join("; ", problems)}");
    }

    /// <summary>The task with settings, and one clause for each that cannot be read.</summary>
    protected abstract TrainingTask Make(IReadOnlyDictionary<string, string> values, ICollection<string> problems);

    private sealed record Entry<TTask>(string Name, string Description, NamedSettings<TTask> Named) : TrainingTaskEntry(Name, Description)
        where TTask : TrainingTask
    {
        public override IReadOnlyList<NamedSetting> Settings => Named.All;

        protected override TrainingTask Make(IReadOnlyDictionary<string, string> values, ICollection<string> problems) => Named.Apply(values, problems);
    }
}
