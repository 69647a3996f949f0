namespace Posterior.Diffusion;

/// <summary>All unconditional samplers by name: one line each.</summary>
public static class SamplerCatalog
{
    /// <summary>The samplers, the recommended one first.</summary>
    public static IReadOnlyList<SamplerEntry> All { get; } =
    [
        new("heun", "Karras et al. 2022", steps => new EdmHeun { Steps = steps }),
        new("ddim", "Song, Meng, Ermon 2021", steps => new Ddim { Steps = steps }),
        new("ddpm", "Ho et al. 2020", steps => new Ddpm { Steps = steps }),
        new("euler", "Karras et al. 2022", steps => new Euler { Steps = steps }),
        new("euler-ancestral", "DDIM with eta 1 on Karras' levels", steps => new Ddim { Steps = steps, Eta = 1, Clip = false, Schedule = new KarrasSchedule() }),
        new("dpm-solver-2", "Lu et al. 2022", steps => new DpmSolver2 { Steps = steps }),
        new("dpm-solver-2m", "Lu et al. 2022, DPM-Solver++(2M)", steps => new DpmSolver2M { Steps = steps }),
        new("dpm-solver-2s", "Lu et al. 2022, DPM-Solver++(2S) with ancestral noise", steps => new DpmSolver2S { Steps = steps }),
        new("dpm-solver-2m-sde", "Lu et al. 2022, stochastic", steps => new DpmSolver2MSde { Steps = steps }),
        new("dpm-solver-3m-sde", "Lu et al. 2022, stochastic, third order", steps => new DpmSolver3MSde { Steps = steps }),
        new("lms", "Adams-Bashforth of order 4", steps => new LinearMultistep { Steps = steps }),
    ];

    /// <summary>A sampler of a name; null when there is none.</summary>
    public static Sampler? Create(string name, int steps) => All.FirstOrDefault(entry => entry.Name.Equals(name, StringComparison.OrdinalIgnoreCase))?.Make(steps);
}

/// <summary>One sampler of the catalogue.</summary>
/// <param name="Name">Its name on the command line.</param>
/// <param name="Source">Where it comes from.</param>
/// <param name="Make">Makes it with a number of steps.</param>
public sealed record SamplerEntry(string Name, string Source, Func<int, Sampler> Make);
