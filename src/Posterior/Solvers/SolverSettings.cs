namespace Posterior.Solvers;

/// <summary>Settings as a command line gives them: those that are null keep the solver's default.</summary>
public sealed record SolverSettings
{
    /// <summary>The number of steps.</summary>
    public int? Steps { get; init; }

    /// <summary>The share of fresh noise.</summary>
    public double? Eta { get; init; }

    /// <summary>DDRM's share of the measurement.</summary>
    public double? EtaB { get; init; }

    /// <summary>Levels that time travel goes up.</summary>
    public int? TravelLength { get; init; }

    /// <summary>Walks of each stretch of time travel.</summary>
    public int? TravelRepeat { get; init; }

    /// <summary>Whether a noiseless measurement is put into the result.</summary>
    public bool? FinalProjection { get; init; }

    /// <summary>The name of an <see cref="SsdPreset"/>; other settings override it.</summary>
    public string? Preset { get; init; }

    /// <summary>SSD's times of the way up.</summary>
    public int? InversionSteps { get; init; }

    /// <summary>SNIPS's Langevin steps at each level.</summary>
    public int? StepsPerLevel { get; init; }

    /// <summary>SNIPS's step size as a share of the variance of the level.</summary>
    public double? StepSize { get; init; }

    /// <summary>The length of DPS' and MCG's descent.</summary>
    public double? Zeta { get; init; }

    /// <summary>The names, as on the command line, of the settings that are given.</summary>
    public IEnumerable<string> Given()
    {
        if (Steps is not null) yield return "steps";
        if (Eta is not null) yield return "eta";
        if (EtaB is not null) yield return "eta-b";
        if (TravelLength is not null) yield return "travel-length";
        if (TravelRepeat is not null) yield return "travel-repeat";
        if (Zeta is not null) yield return "zeta";
        if (FinalProjection is not null) yield return "final-projection";
        if (Preset is not null) yield return "preset";
        if (InversionSteps is not null) yield return "inversion-steps";
        if (StepsPerLevel is not null) yield return "steps-per-level";
        if (StepSize is not null) yield return "step-size";
    }
}
