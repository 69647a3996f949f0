namespace Posterior.Diffusion;

/// <summary>All samplers by name: one line each. What stands here appears on the command line and in the tests.</summary>
public static class SamplerCatalog
{
    private static readonly string[] _churn = ["churn", "churn-min", "churn-max", "churn-noise"], _levels = ["steps", "schedule", "respacing"];

    private static readonly EdmHeun _heun = new();

    // Karras et al. 2022, Table 5, ImageNet-64: 256 steps are its 511 evaluations.
    private static readonly EdmHeun _churned = new() { Steps = 256, Churn = 40, ChurnMin = 0.05, ChurnMax = 50, ChurnNoise = 1.003 };
    private static readonly Euler _euler = new() { Steps = 50 };
    private static readonly Ddim _ddim = new() { Steps = 50 };
    private static readonly Ddpm _ddpm = new() { Steps = 1000 };
    private static readonly Ddim _ancestral = new() { Steps = 100, Eta = 1, Clip = false, Schedule = new KarrasSchedule() };
    private static readonly DpmSolver2M _dpm2M = new() { Steps = 20 };
    private static readonly DpmSolver2 _dpm2 = new() { Steps = 20 };
    private static readonly DpmSolver2Ancestral _dpm2Ancestral = new() { Steps = 50 };
    private static readonly DpmSolverSingleSde _dpmSde = new() { Steps = 50 };
    private static readonly DpmSolver2S _dpm2S = new() { Steps = 20 };
    private static readonly DpmSolver2MSde _dpm2MSde = new() { Steps = 50 };
    private static readonly DpmSolver3MSde _dpm3MSde = new() { Steps = 50 };
    private static readonly LinearMultistep _lms = new() { Steps = 50 };

    /// <summary>The samplers, the recommended one first.</summary>
    public static IReadOnlyList<SamplerEntry> All { get; } =
    [
        new("heun", "second order, deterministic: two evaluations a step", "Karras et al. 2022, arXiv:2206.00364", [.. _levels, .. _churn], o => Churned(_heun, o)),
        new("heun-churn", "the same with added noise, as published for ImageNet-64", "Karras et al. 2022, arXiv:2206.00364", [.. _levels, .. _churn], o => Churned(_churned, o)),
        new("dpm++2m", "second order with one evaluation a step", "Lu et al. 2022, arXiv:2211.01095", _levels, o => _dpm2M),
        new("euler", "first order; with churn, stochastic", "Karras et al. 2022, arXiv:2206.00364", [.. _levels, .. _churn], o => Churned(_euler, o)),
        new("ddim", "first order on the process of the training; eta adds noise", "Song et al. 2021, arXiv:2010.02502", [.. _levels, "eta"], o => _ddim with { Eta = o.Eta ?? _ddim.Eta }),
        new("euler-ancestral", "ddim with eta 1 on Karras' levels", "Song et al. 2021, arXiv:2010.02502", [.. _levels, "eta"], o => _ancestral with { Eta = o.Eta ?? _ancestral.Eta }),
        new("dpm-2", "second order by the midpoint in ln sigma; with churn, stochastic", "Lu et al. 2022, arXiv:2206.00927", [.. _levels, .. _churn], o => Churned(_dpm2, o)),
        new("dpm-2-ancestral", "dpm-2 with fresh noise", "Lu et al. 2022, arXiv:2206.00927", [.. _levels, "eta"], o => _dpm2Ancestral with { Eta = o.Eta ?? _dpm2Ancestral.Eta }),
        new("dpm++2s", "second order in one step, with fresh noise", "Lu et al. 2022, arXiv:2211.01095", [.. _levels, "eta"], o => _dpm2S with { Eta = o.Eta ?? _dpm2S.Eta }),
        new("dpm++sde", "second order in one step, two draws", "Lu et al. 2022, arXiv:2211.01095", [.. _levels, "eta"], o => _dpmSde with { Eta = o.Eta ?? _dpmSde.Eta }),
        new("dpm++2m-sde", "second order with fresh noise, one evaluation a step", "Lu et al. 2022, arXiv:2211.01095", [.. _levels, "eta"], o => _dpm2MSde with { Eta = o.Eta ?? _dpm2MSde.Eta }),
        new("dpm++3m-sde", "third order with fresh noise, one evaluation a step", "Lu et al. 2022, arXiv:2211.01095", [.. _levels, "eta"], o => _dpm3MSde with { Eta = o.Eta ?? _dpm3MSde.Eta }),
        new("lms", "the polynomial through the last slopes", "Adams, Bashforth 1883", _levels, o => _lms),
        new("ddpm", "ancestral sampling, many steps", "Ho et al. 2020, arXiv:2006.11239", _levels, o => _ddpm),
    ];

    /// <summary>The entry of a name.</summary>
    /// <exception cref="SamplerOptionsException">No sampler has the name; the nearest one is suggested.</exception>
    public static SamplerEntry Find(string name)
    {
        var names = All.Select(entry => entry.Name);
        return All.FirstOrDefault(entry => entry.Name.Equals(name, StringComparison.OrdinalIgnoreCase))
            ?? throw new SamplerOptionsException($"no sampler is called '{name}'{(Spelling.Nearest(name, names) is { } nearest ? $", did you mean '{nearest}'?" : ";")} there are {string.Join(", ", names)}");
    }

    /// <summary>A sampler with checked settings.</summary>
    /// <exception cref="SamplerOptionsException">The name is unknown, the sampler has no such setting, or a setting is out of range.</exception>
    public static Sampler Create(string name, SamplerSettings? settings = null) => Find(name).Create(settings ?? new());

    private static ChurnedSampler Churned(ChurnedSampler sampler, SamplerSettings o) => sampler with
    {
        Churn = o.Churn ?? sampler.Churn,
        ChurnMin = o.ChurnMin ?? sampler.ChurnMin,
        ChurnMax = o.ChurnMax ?? sampler.ChurnMax,
        ChurnNoise = o.ChurnNoise ?? sampler.ChurnNoise,
    };
}

/// <summary>One sampler of the catalogue.</summary>
/// <param name="Name">Its name on the command line.</param>
/// <param name="Description">What it does, in a few words.</param>
/// <param name="Paper">Where it comes from.</param>
/// <param name="Options">The names of the settings that it has.</param>
/// <param name="Make">Makes it with settings other than steps and noise levels, which all samplers share.</param>
public sealed record SamplerEntry(string Name, string Description, string Paper, IReadOnlyList<string> Options, Func<SamplerSettings, Sampler> Make)
{
    /// <summary>The sampler with its own settings.</summary>
    public Sampler Default { get; } = Make(new());

    /// <summary>The sampler with checked settings.</summary>
    /// <exception cref="SamplerOptionsException">The sampler has no such setting, or a setting is out of range.</exception>
    public Sampler Create(SamplerSettings settings)
    {
        var foreign = settings.Given().Except(Options).ToArray();
        if (foreign.Length > 0) throw new SamplerOptionsException($"sampler '{Name}' has no setting {string.Join(", ", foreign)}; it has {string.Join(", ", Options)}");
        var problems = settings.Problems().ToArray();
        if (problems.Length > 0) throw new SamplerOptionsException($"sampler '{Name}': {string.Join("; ", problems)}");
        var (schedule, steps) = settings.Levels();
        var sampler = Make(settings);
        return sampler with { Steps = steps ?? sampler.Steps, Schedule = schedule ?? sampler.Schedule };
    }
}
