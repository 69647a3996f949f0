using System.Text.Json;
using Posterior.Diffusion;
using Posterior.Evaluation;
using Posterior.Imaging;
using Posterior.Operators;
using Posterior.Solvers;
using Posterior.Tests.Operators;
using Posterior.Torch;

namespace Posterior.Tests.Solvers;

public sealed class SolverCatalogTests
{
    [Fact]
    public void Ddrm_asks_for_singular_values_in_its_type() => Assert.IsAssignableFrom<Solver<SpectralOperator>>(new Ddrm());

    [Fact]
    public void Every_entry_makes_the_solver_of_its_name_with_the_defaults_of_its_type()
    {
        Assert.Equal(SolverCatalog.All.Count, SolverCatalog.All.Select(entry => entry.Name).Distinct().Count());
        foreach (var entry in SolverCatalog.All)
        {
            var solver = SolverCatalog.Create(entry.Name);
            Assert.Equal(entry.Name, solver.Name);
            Assert.Equal(Activator.CreateInstance(solver.GetType()), solver);
        }
    }

    // Every setting of every solver, set to something else than its default: it arrives, and arrives alone.
    [Fact]
    public void Each_setting_changes_its_solver_and_its_default_does_not()
    {
        foreach (var entry in SolverCatalog.All)
        {
            foreach (var setting in entry.Settings)
            {
                var other = setting.Kind switch
                {
                    // Within what the other settings leave it.
                    "a whole number" => setting.Name == "start-time" ? "300" : "30",
                    "yes or no" => setting.Default == "yes" ? "no" : "yes",
                    "a number" => setting.Default == "0.5" ? "0.25" : "0.5",
                    var names => names.Split(", ").First(name => name != setting.Default),
                };
                Assert.NotEqual(entry.Default, entry.Create(new SolverSettings().With(setting.Name, other)));
                if (setting.Default != "auto") Assert.Equal(entry.Default, entry.Create(new SolverSettings().With(setting.Name, setting.Default)));
                if (setting.Kind.StartsWith('a'))
                    Assert.Equal($"solver '{entry.Name}': {setting.Name} is 'much', expected {setting.Kind}", Assert.Throws<SolverOptionsException>(() => entry.Create(new SolverSettings().With(setting.Name, "much"))).Message);
            }
        }
    }

    [Theory]
    [InlineData("steps", "expected NAME=VALUE")]
    [InlineData("=3", "expected NAME=VALUE")]
    [InlineData("steps=", "expected NAME=VALUE")]
    [InlineData("steps=3 steps=4", "'steps' is given twice")]
    public void Texts_that_are_no_settings_are_refused(string texts, string expected) =>
        Assert.Contains(expected, Assert.Throws<SolverOptionsException>(() => SolverSettings.Parse(texts.Split(' '))).Message);

    [Fact]
    public void Settings_survive_a_receipt()
    {
        var settings = SolverSettings.Parse(["steps=7", "eta-b=0.2", "final-projection=no", "lambda=1e-3", "preset=100"]);
        var json = JsonSerializer.Serialize(settings, ReceiptJson.Default.SolverSettings);
        Assert.Contains("\"eta_b\": 0.2", json);
        Assert.Equal(settings, JsonSerializer.Deserialize(json, ReceiptJson.Default.SolverSettings));
        // As receipts held them before settings were free.
        Assert.Equal(SolverSettings.Parse(["steps=4", "final-projection=True"]), JsonSerializer.Deserialize("{\"steps\": 4, \"final_projection\": true, \"eta\": null}", ReceiptJson.Default.SolverSettings));
    }

    [Fact]
    public void The_complete_settings_of_every_solver_make_the_same_solver()
    {
        foreach (var entry in SolverCatalog.All)
        {
            var complete = entry.Complete(new());
            Assert.Equal(entry.Default, entry.Create(complete));
            // All but presets and what follows from something else.
            Assert.All(entry.Settings.Where(setting => setting.Default != "auto" && setting.Name != "preset"), setting => Assert.Equal(setting.Default, complete.Values[setting.Name]));
        }
        var ssd = SolverCatalog.Find("ssd");
        var preset = SolverSettings.Parse(["preset=100"]);
        Assert.Equal(ssd.Create(preset), ssd.Create(ssd.Complete(preset)));
        Assert.Equal("100", ssd.Complete(preset).Values["preset"]);
        Assert.Equal("0.3", SolverCatalog.Find("ddrm").Complete(SolverSettings.Parse(["eta=0.3"])).Values["eta"]);
    }

    [Fact]
    public void Settings_reach_the_solver()
    {
        var ddrm = (Ddrm)SolverCatalog.Create("ddrm", SolverSettings.Parse(["steps=7", "eta=0.1", "eta-b=0.2", "final-projection=no"]));
        Assert.Equal((7, 0.1, 0.2, false), (ddrm.Steps, ddrm.Eta, ddrm.EtaB, ddrm.FinalProjection));
        var ddnm = (Ddnm)SolverCatalog.Create("DDNM", SolverSettings.Parse(["steps=9", "eta=0.3", "travel-length=2", "travel-repeat=3"]));
        Assert.Equal((9, 0.3, 2, 3), (ddnm.Steps, ddnm.Eta, ddnm.TravelLength, ddnm.TravelRepeat));
        var plus = (DdnmPlus)SolverCatalog.Create("ddnm+", SolverSettings.Parse(["steps=9", "eta=0.3", "travel-length=2", "travel-repeat=3"]));
        Assert.Equal((9, 0.3, 2, 3), (plus.Steps, plus.Eta, plus.TravelLength, plus.TravelRepeat));
        var dps = (Dps)SolverCatalog.Create("dps", SolverSettings.Parse(["steps=9", "eta=0.3", "zeta=0.7"]));
        Assert.Equal((9, 0.3, 0.7), (dps.Steps, dps.Eta, dps.Zeta));
        var mcg = (Mcg)SolverCatalog.Create("mcg", SolverSettings.Parse(["steps=9", "eta=0.3", "zeta=0.7"]));
        Assert.Equal((9, 0.3, 0.7), (mcg.Steps, mcg.Eta, mcg.Zeta));
        var piGdm = (PiGdm)SolverCatalog.Create("pigdm", SolverSettings.Parse(["steps=9", "eta=0.3"]));
        Assert.Equal((9, 0.3), (piGdm.Steps, piGdm.Eta));
        Assert.Equal(9, ((Daps)SolverCatalog.Create("daps", new() { Steps = 9 })).Steps);
        Assert.Equal(9, ((RedDiff)SolverCatalog.Create("red-diff", new() { Steps = 9 })).Steps);
    }

    [Fact]
    public void The_papers_defaults_and_the_evaluations_that_they_cost()
    {
        Assert.Equal((20, 0.85, 1.0, 20), (new Ddrm().Steps, new Ddrm().Eta, new Ddrm().EtaB, new Ddrm().Evaluations));
        Assert.Equal((100, 0.85, 100), (new Ddnm().Steps, new Ddnm().Eta, new Ddnm().Evaluations));
        Assert.Equal(0, new PseudoInverseSolver().Evaluations);
        Assert.Equal((1000, 1.0, 1000), (new Dps().Steps, new Dps().Eta, new Dps().Evaluations));
        Assert.Equal((100, 1.0, 100), (new PiGdm().Steps, new PiGdm().Eta, new PiGdm().Evaluations));
        Assert.Equal((200, 5, 1000), (new Daps().Steps, new Daps().FlowSteps, new Daps().Evaluations));
        Assert.Equal(["ddrm", "ddnm+", "ssd+", "snips", "dps", "pigdm", "daps", "diffpir", "red-diff", "invfussion", "palette", "nppc", "red", "pnp-admm", "admm-tv", "dirac", "indi", "network", "prior"], SolverCatalog.All.Where(entry => entry.Default.HandlesNoise).Select(entry => entry.Name));
    }

    [Theory]
    [InlineData("drdm", "'ddrm'")]
    [InlineData("ddnm-", "did you mean 'ddnm")]
    [InlineData("xyzzyqwerty", "there are ddrm, ddnm")]
    public void An_unknown_name_suggests_the_nearest_one(string name, string expected)
    {
        var error = Assert.Throws<SolverOptionsException>(() => SolverCatalog.Create(name));
        Assert.Contains($"'{name}'", error.Message);
        Assert.Contains(expected, error.Message);
        Assert.DoesNotContain('\n', error.Message);
    }

    [Fact]
    public void All_settings_out_of_range_are_listed_at_once()
    {
        var error = Assert.Throws<SolverOptionsException>(() => SolverCatalog.Create("ddrm", SolverSettings.Parse(["steps=0", "eta=1.5", "eta-b=NaN"])));
        Assert.Equal("solver 'ddrm': steps is 0, expected 1 to 10000; eta is 1.5, expected 0 to 1; eta-b is NaN, expected 0 to 1", error.Message);
    }

    [Fact]
    public void A_setting_of_another_solver_is_refused()
    {
        var error = Assert.Throws<SolverOptionsException>(() => SolverCatalog.Create("ddnm", SolverSettings.Parse(["eta-b=1"])));
        Assert.Equal("solver 'ddnm' has no setting eta-b; it has steps, eta, travel-length, travel-repeat, schedule", error.Message);
    }

    [Fact]
    public void An_operator_without_singular_values_is_refused_with_the_solvers_that_work()
    {
        using var scope = new Scope();
        using var h = new Doubling();
        var measurement = new Measurement<ForwardOperator>(Tensor.Zeros([1, 1, 2, 2]), h, 0);
        var prior = GaussianDenoiser.Isotropic(Tensor.Zeros([1, 1, 2, 2]), 1);
        var error = Assert.Throws<UnsupportedOperatorException>(() => new Ddrm().RestoreAny(measurement, prior, new SeededNoise(1)));
        Assert.Equal("solver 'ddrm' needs an operator with singular values, which 'doubling' is not; solvers that work: ddnm, ssd, ssd+, ilvr, dps, pigdm, daps, diffpir, red-diff, mcg, invfussion, palette, nppc, red, pnp-admm, admm-tv, dirac, indi, network, prior, pinv, measurement", error.Message);
        Assert.False(new Ddrm().Accepts(h));
        Assert.True(new Ddnm().Accepts(h));
        Assert.Equal(Tensor.Zeros([1, 1, 2, 2]).ToArray<float>(), new Ddnm { Steps = 2 }.RestoreAny(measurement, prior, new SeededNoise(1)).Estimate.ToArray<float>());
    }

    [Theory]
    [InlineData("indi", "sr4", "an operator whose measurement is as large as the image")]
    [InlineData("indi", "kernel:kernel.txt,stride=2", "an operator whose measurement is as large as the image")]
    [InlineData("dirac", "sr-bicubic4", "a linear operator whose measurement is a picture of the image's shape")]
    [InlineData("dirac", "colorize", "a linear operator whose measurement is a picture of the image's shape")]
    public void A_refusal_names_what_the_operator_really_lacks(string name, string text, string needs)
    {
        var shape = new ImageShape(3, 8, 8);
        using var h = OperatorCatalog.Parse(text).Bind(shape, new SmallFiles(shape));
        var solver = SolverCatalog.Create(name);
        Assert.False(solver.Accepts(h));
        Assert.StartsWith($"solver '{name}' needs {needs}, which '{h.Name}' is not; solvers that work: ", new UnsupportedOperatorException(solver, h).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("denoise")]
    [InlineData("sr4")]
    [InlineData("colorize")]
    [InlineData("cs4")]
    public void A_solver_that_needs_no_more_than_a_linear_operator_accepts_each(string text)
    {
        using var h = OperatorCatalog.Parse(text).Bind(new(3, 8, 8));
        Assert.All(SolverCatalog.All, entry => Assert.True(entry.Needs is not ("any operator" or "a linear operator") || entry.Default.Accepts(h), $"{entry.Name}: {entry.Needs}"));
    }

    [Fact]
    public void A_model_of_another_kind_is_refused_unless_the_solver_uses_none()
    {
        using var scope = new Scope();
        using var h = new Identity(new(1, 2, 2));
        var measurement = new Measurement<SpectralOperator>(Tensor.Zeros([1, 1, 2, 2]), h, 0.1);
        var error = Assert.Throws<UnsupportedModelException>(() => new Ddrm().RestoreAny(measurement, new Oracle(), new SeededNoise(1)));
        Assert.StartsWith("solver 'ddrm' needs a prior, and this is an oracle; ", error.Message, StringComparison.Ordinal);
        Assert.Equal(0, new PseudoInverseSolver().RestoreAny(measurement, new Oracle(), new SeededNoise(1)).Estimate.Norm().Item());
    }

    private sealed class Oracle : ImagePredictor
    {
        public override long? Channels => 1;

        public override string Kind => "an oracle";
    }

    [Fact]
    public void A_prior_for_another_number_of_channels_is_refused()
    {
        using var scope = new Scope();
        using var h = new Identity(new(1, 2, 2));
        var prior = GaussianDenoiser.Isotropic(Tensor.Zeros([1, 3, 2, 2]), 1);
        var measurement = new Measurement<SpectralOperator>(Tensor.Zeros([1, 1, 2, 2]), h, 0.1);
        var error = Assert.Throws<ArgumentException>(() => new Ddrm().Restore(measurement, prior, new SeededNoise(1)));
        Assert.Equal("the model is for images of 3 channels, operator 'denoise' is for 1", error.Message);
    }

    // H = 2 I with nothing known but apply and adjoint.
    private sealed class Doubling : LinearOperator
    {
        public override ImageShape InputShape => new(1, 2, 2);

        public override IReadOnlyList<long> OutputShape => [1, 2, 2];

        public override string Name => "doubling";

        public override Tensor Apply(Tensor x) => x * 2;

        public override Tensor Adjoint(Tensor y) => y * 2;
    }
}
