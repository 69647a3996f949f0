namespace Posterior.Diffusion;

/// <summary>Settings of a sampler as a command line gives them: those that are null keep the sampler's default.</summary>
public sealed record SamplerSettings
{
    /// <summary>The number of steps.</summary>
    public int? Steps { get; init; }

    /// <summary>Some of the times of a variance-preserving process, as <c>50</c>, <c>10,15,20</c> or <c>ddim25</c> (<see cref="VpSchedule.Respace(string)"/>); it says the steps too.</summary>
    public string? Respacing { get; init; }

    /// <summary>Which noise levels: a name of <see cref="ScheduleCatalog.All"/>.</summary>
    public string? Schedule { get; init; }

    /// <summary>The share of fresh noise.</summary>
    public double? Eta { get; init; }

    /// <summary>How much noise is added over all steps: S_churn of Karras et al. 2022.</summary>
    public double? Churn { get; init; }

    /// <summary>The least noise level at which noise is added: S_tmin, for images in [-1, 1].</summary>
    public double? ChurnMin { get; init; }

    /// <summary>The highest noise level at which noise is added: S_tmax, for images in [-1, 1].</summary>
    public double? ChurnMax { get; init; }

    /// <summary>The standard deviation of the added noise, relative: S_noise.</summary>
    public double? ChurnNoise { get; init; }

    /// <summary>The names, as on the command line, of the settings that are given.</summary>
    public IEnumerable<string> Given()
    {
        if (Steps is not null) yield return "steps";
        if (Respacing is not null) yield return "respacing";
        if (Schedule is not null) yield return "schedule";
        if (Eta is not null) yield return "eta";
        if (Churn is not null) yield return "churn";
        if (ChurnMin is not null) yield return "churn-min";
        if (ChurnMax is not null) yield return "churn-max";
        if (ChurnNoise is not null) yield return "churn-noise";
    }

    /// <summary>One clause for each setting that is out of range: name, expected, found.</summary>
    internal IEnumerable<string> Problems()
    {
        if (Steps is < 1 or > 1000) yield return FormattableString.Invariant($"steps is {Steps}, expected 1 to 1000");
        if (Steps is not null && Respacing is not null) yield return "respacing says the number of steps, so steps cannot be given too";
        if (Eta is { } eta && !(eta is >= 0 and <= 1)) yield return FormattableString.Invariant($"eta is {eta}, expected 0 to 1");
        if (Churn is { } churn && !(churn is >= 0 and <= 1000)) yield return FormattableString.Invariant($"churn is {churn}, expected 0 to 1000");
        if (ChurnMin is { } least && !(least >= 0)) yield return FormattableString.Invariant($"churn-min is {least}, expected 0 or more");
        if (ChurnMax is { } most && !(most >= (ChurnMin ?? 0))) yield return FormattableString.Invariant($"churn-max is {most}, expected {ChurnMin ?? 0} or more");
        if (ChurnNoise is { } noise && !(noise is > 0 and <= 2)) yield return FormattableString.Invariant($"churn-noise is {noise}, expected above 0 and at most 2");
    }

    /// <summary>The schedule and the number of steps that these settings ask for; null for the sampler's own.</summary>
    /// <exception cref="SamplerOptionsException">The schedule is unknown, or the spacing is none of it.</exception>
    internal (NoiseSchedule? Schedule, int? Steps) Levels()
    {
        var schedule = Schedule is null ? null : ScheduleCatalog.All.TryGetValue(Schedule, out var named) ? named
            : throw new SamplerOptionsException($"no schedule is called '{Schedule}'{Spelling.Suggest(Schedule, ScheduleCatalog.All.Keys)} (there are {string.Join(", ", ScheduleCatalog.All.Keys)})");
        if (Respacing is null) return (schedule, Steps);
        if ((schedule ?? VpSchedule.Linear()) is not VpSchedule process) throw new SamplerOptionsException($"respacing takes times of a variance-preserving process, and schedule '{Schedule}' has none (vp-linear, vp-cosine)");
        try
        {
            var respaced = process.Respace(Respacing);
            return (respaced, respaced.Count);
        }
        catch (ArgumentException failure)
        {
            throw new SamplerOptionsException(failure.Message, failure);
        }
    }
}
