namespace Posterior.Diffusion;

/// <summary>All schedules that have a name on the command line, with their usual settings.</summary>
public static class ScheduleCatalog
{
    /// <summary>The schedules by name.</summary>
    public static IReadOnlyDictionary<string, NoiseSchedule> All { get; } = new Dictionary<string, NoiseSchedule>
    {
        ["karras"] = new KarrasSchedule(),
        ["geometric"] = new GeometricSchedule(),
        ["vp-linear"] = VpSchedule.Linear(),
        ["vp-cosine"] = VpSchedule.Cosine(),
        ["shifted-cosine"] = new ShiftedCosineSchedule(),
    };
}
