using Posterior.Networks;

namespace Posterior.Training;

/// <summary>The networks that <c>posterior train</c> trains, by name.</summary>
public static class TrainingNetworks
{
    private static readonly (string Name, string Description, PhotoUNetSettings Settings)[] _all =
    [
        ("photo-unet", "photographs of any size; the architecture of the shipped 'photo'", new()),
        ("photo-small", "narrower and shallower, a seventh of the work", new() { Widths = [32, 64, 96, 128], Blocks = [2, 2, 2, 2], EmbeddingWidth = 128 }),
        ("thumb", "small images of 32x32 or 64x64, with classes where the data have them", new() { Patch = 1, Widths = [64, 128, 192], Blocks = [2, 2, 2] }),
        ("tiny", "minutes of work: for trials", new() { Widths = [16, 32], Blocks = [1, 1], EmbeddingWidth = 32 }),
    ];

    /// <summary>Names and descriptions.</summary>
    public static IEnumerable<(string Name, string Description)> All => _all.Select(entry => (entry.Name, entry.Description));

    /// <summary>The settings of a network.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="classes">The number of classes of the data; 0 for none.</param>
    /// <exception cref="TrainingException">There is none of that name.</exception>
    public static PhotoUNetSettings Find(string name, int classes)
    {
        foreach (var entry in _all)
        {
            if (entry.Name == name) return entry.Settings with { Classes = classes };
        }
        var names = _all.Select(entry => entry.Name).ToArray();
        throw new TrainingException($"no network is called '{name}'{Spelling.Suggest(name, names)} (there are {string.Join(", ", names)})");
    }
}
