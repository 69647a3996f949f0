namespace Posterior.Training;

/// <summary>The tasks of <c>posterior train</c> by name: one line each.</summary>
public static class TrainingTasks
{
    /// <summary>The tasks, the default first.</summary>
    public static IReadOnlyList<TrainingTaskEntry> All { get; } =
    [
        PriorTask.Entry,
        RestorerTask.Entry,
        DenoiserTask.Entry,
        ConditionalTask.Baseline,
        ConditionalTask.Palette,
        ConditionalTask.InvFussion,
        DiracTask.Entry,
        IndiTask.Entry,
        ComponentsTask.Entry,
        ClassifierTask.Entry,
    ];

    /// <summary>The entry of a name.</summary>
    /// <exception cref="TrainingException">There is none of that name; the nearest one is suggested.</exception>
    public static TrainingTaskEntry Find(string name)
    {
        var names = All.Select(entry => entry.Name).ToArray();
        return All.FirstOrDefault(entry => entry.Name.Equals(name, StringComparison.OrdinalIgnoreCase))
            ?? throw new TrainingException($"no task is called '{name}'{Spelling.Suggest(name, names)} (there are {string.Join(", ", names)})");
    }
}
