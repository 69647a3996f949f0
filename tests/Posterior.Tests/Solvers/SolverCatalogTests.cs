using Posterior.Diffusion;
using Posterior.Imaging;
using Posterior.Operators;
using Posterior.Solvers;
using Posterior.Torch;

namespace Posterior.Tests.Solvers;

public sealed class SolverCatalogTests
{
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

    [Fact]
    public void Settings_reach_the_solver()
    {
        var ddrm = (Ddrm)SolverCatalog.Create("ddrm", new() { Steps = 7, Eta = 0.1, EtaB = 0.2, FinalProjection = false });
        Assert.Equal((7, 0.1, 0.2, false), (ddrm.Steps, ddrm.Eta, ddrm.EtaB, ddrm.FinalProjection));
        var ddnm = (Ddnm)SolverCatalog.Create("DDNM", new() { Steps = 9, Eta = 0.3, TravelLength = 2, TravelRepeat = 3 });
        Assert.Equal((9, 0.3, 2, 3), (ddnm.Steps, ddnm.Eta, ddnm.TravelLength, ddnm.TravelRepeat));
        var plus = (DdnmPlus)SolverCatalog.Create("ddnm+", new() { Steps = 9, Eta = 0.3, TravelLength = 2, TravelRepeat = 3 });
        Assert.Equal((9, 0.3, 2, 3), (plus.Steps, plus.Eta, plus.TravelLength, plus.TravelRepeat));
        var dps = (Dps)SolverCatalog.Create("dps", new() { Steps = 9, Eta = 0.3, Zeta = 0.7 });
        Assert.Equal((9, 0.3, 0.7), (dps.Steps, dps.Eta, dps.Zeta));
        var mcg = (Mcg)SolverCatalog.Create("mcg", new() { Steps = 9, Eta = 0.3, Zeta = 0.7 });
        Assert.Equal((9, 0.3, 0.7), (mcg.Steps, mcg.Eta, mcg.Zeta));
        var piGdm = (PiGdm)SolverCatalog.Create("pigdm", new() { Steps = 9, Eta = 0.3 });
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
        Assert.Equal(["ddrm", "ddnm+", "ssd+", "snips", "dps", "pigdm", "daps", "red-diff"], SolverCatalog.All.Where(entry => entry.Default.HandlesNoise).Select(entry => entry.Name));
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
        var error = Assert.Throws<SolverOptionsException>(() => SolverCatalog.Create("ddrm", new() { Steps = 0, Eta = 1.5, EtaB = double.NaN }));
        Assert.Equal("solver 'ddrm': steps is 0, expected 1 to 1000; eta is 1.5, expected 0 to 1; eta-b is NaN, expected 0 to 1", error.Message);
    }

    [Fact]
    public void A_setting_of_another_solver_is_refused()
    {
        var error = Assert.Throws<SolverOptionsException>(() => SolverCatalog.Create("ddnm", new() { EtaB = 1 }));
        Assert.Equal("solver 'ddnm' has no setting eta-b; it has steps, eta, travel-length, travel-repeat", error.Message);
    }

    [Fact]
    public void An_operator_without_singular_values_is_refused_with_the_solvers_that_work()
    {
        using var scope = new Scope();
        using var h = new Doubling();
        var measurement = new Measurement<ForwardOperator>(Tensor.Zeros([1, 1, 2, 2]), h, 0);
        var prior = GaussianDenoiser.Isotropic(Tensor.Zeros([1, 1, 2, 2]), 1);
        var error = Assert.Throws<UnsupportedOperatorException>(() => new Ddrm().RestoreAny(measurement, prior, new SeededNoise(1)));
        Assert.Equal("solver 'ddrm' needs an operator with singular values, which 'doubling' is not; solvers that work: ddnm, ssd, ssd+, ilvr, dps, pigdm, daps, red-diff, mcg, pinv", error.Message);
        Assert.False(new Ddrm().Accepts(h));
        Assert.True(new Ddnm().Accepts(h));
        Assert.Equal(Tensor.Zeros([1, 1, 2, 2]).ToArray<float>(), new Ddnm { Steps = 2 }.RestoreAny(measurement, prior, new SeededNoise(1)).Estimate.ToArray<float>());
    }

    [Fact]
    public void A_prior_for_another_number_of_channels_is_refused()
    {
        using var scope = new Scope();
        using var h = new Identity(new(1, 2, 2));
        var prior = GaussianDenoiser.Isotropic(Tensor.Zeros([1, 3, 2, 2]), 1);
        var measurement = new Measurement<SpectralOperator>(Tensor.Zeros([1, 1, 2, 2]), h, 0.1);
        var error = Assert.Throws<ArgumentException>(() => new Ddrm().Restore(measurement, prior, new SeededNoise(1)));
        Assert.Equal("the prior is for images of 3 channels, operator 'denoise' is for 1", error.Message);
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
