using Posterior.Diffusion;
using Posterior.Imaging;
using Posterior.Torch;

namespace Posterior.Tests.Diffusion;

public sealed class SamplerCatalogTests
{
    public static TheoryData<string> Names() => [.. SamplerCatalog.All.Select(entry => entry.Name)];

    [Theory]
    [MemberData(nameof(Names))]
    public void Every_sampler_draws_from_a_normal_prior_with_its_own_settings(string name)
    {
        using var scope = new Scope();
        var shape = new ImageShape(1, 64, 64);
        var prior = GaussianDenoiser.Isotropic(Tensor.Full(shape.Batch(1), 0.25), 0.3);
        var x = SamplerCatalog.Create(name).Sample(prior, 2, shape, new SeededNoise(1, 2));
        Assert.Equal(0.25, x.Mean().Item(), 0.02);
        // Few large steps at default settings: the spread is near, not exact.
        Assert.Equal(0.3, Math.Sqrt(x.Reshape(-1).Variance([0]).Item()), 0.03);
    }

    [Fact]
    public void Settings_reach_their_samplers()
    {
        var heun = Assert.IsType<EdmHeun>(SamplerCatalog.Create("heun", new() { Steps = 7, Schedule = "geometric", Churn = 3, ChurnMin = 0.1, ChurnMax = 9, ChurnNoise = 1.01 }));
        Assert.Equal((7, 3, 0.1, 9, 1.01), (heun.Steps, heun.Churn, heun.ChurnMin, heun.ChurnMax, heun.ChurnNoise));
        Assert.IsType<GeometricSchedule>(heun.Schedule);
        // Karras et al. 2022, Table 5, ImageNet-64.
        var published = Assert.IsType<EdmHeun>(SamplerCatalog.Create("heun-churn"));
        Assert.Equal((256, 40, 0.05, 50, 1.003), (published.Steps, published.Churn, published.ChurnMin, published.ChurnMax, published.ChurnNoise));
        Assert.Equal(0.3, Assert.IsType<Ddim>(SamplerCatalog.Create("DDIM", new() { Eta = 0.3 })).Eta);
    }

    [Fact]
    public void Respacing_visits_the_times_of_the_process_that_it_names()
    {
        var sampler = SamplerCatalog.Create("ddpm", new() { Respacing = "10,5" });
        var process = VpSchedule.Linear();
        var levels = sampler.Schedule!.Levels(sampler.Steps);
        Assert.Equal(16, levels.Length);
        Assert.Equal(process.Sigma(999), levels[0], 1e-9);
        Assert.Equal(process.Sigma(500), levels[4], 1e-9);
        Assert.Equal(process.Sigma(0), levels[14], 1e-12);
        Assert.Equal(1, SamplerCatalog.Create("ddim", new() { Respacing = "20", Schedule = "vp-cosine" }).Schedule!.Levels(20)[0] / VpSchedule.Cosine().Sigma(999), 1e-9);
    }

    [Theory]
    [InlineData("hune", "did you mean 'heun'?")]
    [InlineData("plms", "there are heun")]
    public void An_unknown_name_lists_what_there_is(string name, string expected) =>
        Assert.Contains(expected, Assert.Throws<SamplerOptionsException>(() => SamplerCatalog.Find(name)).Message);

    [Fact]
    public void Settings_that_a_sampler_lacks_or_that_are_out_of_range_are_refused()
    {
        Refused("'dpm++2m' has no setting churn", "dpm++2m", new() { Churn = 1 });
        Refused("'heun' has no setting eta", "heun", new() { Eta = 0.5 });
        Refused("steps is 0, expected 1 to 1000; churn is -1, expected 0 to 1000", "heun", new() { Steps = 0, Churn = -1 });
        Refused("churn-max is 0.1, expected 0.2 or more", "euler", new() { ChurnMin = 0.2, ChurnMax = 0.1 });
        Refused("eta is NaN", "ddim", new() { Eta = double.NaN });
        Refused("did you mean 'karras'?", "heun", new() { Schedule = "karas" });
        Refused("respacing says the number of steps", "ddpm", new() { Steps = 5, Respacing = "5" });
        Refused("is no spacing of time steps", "ddpm", new() { Respacing = "ddim7000" });
        Refused("has none (vp-linear, vp-cosine)", "ddpm", new() { Respacing = "5", Schedule = "karras" });
    }

    private static void Refused(string expected, string name, SamplerSettings settings) =>
        Assert.Contains(expected, Assert.Throws<SamplerOptionsException>(() => SamplerCatalog.Create(name, settings)).Message);
}
