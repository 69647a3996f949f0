namespace Posterior.Solvers;

/// <summary>Settings of SSD that its paper uses, by name.</summary>
/// <param name="Name">The name on the command line.</param>
/// <param name="InversionSteps"><see cref="Ssd.InversionSteps"/>.</param>
/// <param name="Steps"><see cref="Ssd.Steps"/>.</param>
/// <param name="StartTime"><see cref="Ssd.StartTime"/>.</param>
/// <param name="InversionEta"><see cref="Ssd.InversionEta"/>.</param>
/// <param name="Eta"><see cref="Ssd.Eta"/>.</param>
public sealed record SsdPreset(string Name, int InversionSteps, int Steps, int StartTime, double InversionEta, double Eta)
{
    /// <summary>30 evaluations, for super-resolution, deblurring and inpainting: the default.</summary>
    public static SsdPreset Thirty { get; } = new("30", 5, 25, 550, 0.4, 0.8);

    /// <summary>100 evaluations, for super-resolution, deblurring and inpainting.</summary>
    public static SsdPreset Hundred { get; } = new("100", 15, 85, 550, 0.4, 0.8);

    /// <summary>30 evaluations, for colorization: colours need a start of more noise, further from the grey image.</summary>
    public static SsdPreset ThirtyColorization { get; } = new("30-colorization", 5, 25, 750, 0.8, 0.8);

    /// <summary>100 evaluations, for colorization.</summary>
    public static SsdPreset HundredColorization { get; } = new("100-colorization", 15, 85, 750, 0.8, 0.8);

    /// <summary>All of them.</summary>
    public static IReadOnlyList<SsdPreset> All { get; } = [Thirty, Hundred, ThirtyColorization, HundredColorization];

    /// <summary>The preset of a name.</summary>
    /// <exception cref="SolverOptionsException">No preset has the name.</exception>
    public static SsdPreset Find(string name) =>
        All.FirstOrDefault(preset => preset.Name.Equals(name, StringComparison.OrdinalIgnoreCase))
        ?? throw new SolverOptionsException($"preset is '{name}', expected {string.Join(", ", All.Select(preset => preset.Name))}");
}
