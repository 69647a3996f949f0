using Posterior.Diffusion;
using Posterior.Operators;
using Posterior.Solvers;
using Posterior.Tests.Networks;
using Posterior.Torch;

namespace Posterior.Tests.Diffusion;

public sealed class PriorScheduleTests
{
    private static readonly NoiseSchedule _own = new ExplicitSchedule(30, 5, 0.7, 0.02);
    private static readonly double[] _papers = VpSchedule.Linear().Levels(4)[..^1];

    [Fact]
    public void A_denoiser_around_a_prior_has_the_priors_noise_levels()
    {
        var prior = new Recorder(_own);
        Denoiser[] around =
        [
            new TiledDenoiser(prior, new TileOptions { BytesPerPixel = 100 }), new GreyPrior(prior), new RangeDenoiser(prior, 0, 1), new ClassifierFreeGuidance(prior, new Flat(), 2),
            new ClassifierGuidance(prior, new NoGuide()), new CountedDenoiser(prior),
        ];
        foreach (var denoiser in around) Assert.Same(_own, denoiser.Schedule);
    }

    [Fact]
    public void A_network_of_a_discrete_process_is_walked_down_that_process()
    {
        var process = VpSchedule.Cosine(200);
        var denoiser = new VpDenoiser(new StubNetwork((x, _) => x), process);
        Assert.Equal(process, denoiser.Schedule);
        Assert.Equal(7, denoiser.Time(process.Sigma(7)), 1e-6);
        Assert.Equal(process, new VpDenoiser(new StubNetwork((x, _) => x, classes: 2), process).WithLabels(1).Schedule);
        Assert.Equal(VpSchedule.Linear(), new Flat().Schedule);
        // From the table of noise levels alone, the process that has it.
        var ofTable = Assert.IsType<VpSchedule>(new VpDenoiser(new StubNetwork((x, _) => x), process.Sigmas).Schedule);
        Assert.All(process.Sigmas.Zip(ofTable.Sigmas), pair => Assert.Equal(1, pair.Second / pair.First, 1e-9));
    }

    [Fact]
    public void A_preconditioned_network_is_walked_down_its_published_process_or_the_shifted_cosine()
    {
        static NoiseSchedule Of(Preconditioning scalings) => new EdmDenoiser(new StubNetwork((x, _) => x), scalings).Schedule;
        Assert.Equal(new ShiftedCosineSchedule(), Of(new EdmPreconditioning()));
        Assert.Equal(new GeometricSchedule(0.02, 100), Of(new VePreconditioning()));
        Assert.Equal(new ContinuousVpSchedule(19.9, 0.1), Of(new VpPreconditioning()));
        var cosine = Assert.IsType<VpSchedule>(Of(new IddpmPreconditioning()));
        var table = new IddpmPreconditioning().Table;
        Assert.All(Enumerable.Range(0, 1000), t => Assert.Equal(1, cosine.Sigma(999 - t) / table[t], 1e-6));
    }

    [Fact]
    public void Evaluations_follow_from_the_priors_noise_levels()
    {
        var discrete = new VpDenoiser(new StubNetwork((x, _) => x), VpSchedule.Linear());
        // 30 steps do not divide 1000.
        Assert.Equal((30, 31), (new Ddrm { Steps = 30 }.Evaluations, new Ddrm { Steps = 30 }.EvaluationsWith(discrete)));
        Assert.Equal(31, new Ilvr { Steps = 30 }.EvaluationsWith(discrete));
        Assert.Equal(31, new DiffPir { Steps = 30 }.EvaluationsWith(discrete));
        Assert.Equal(30, new Ddrm { Steps = 30 }.EvaluationsWith(new EdmDenoiser(new StubNetwork((x, _) => x), new EdmPreconditioning())));
        // DDNM has exactly so many levels.
        Assert.Equal(new Ddnm { Steps = 30, TravelRepeat = 3 }.Evaluations, new Ddnm { Steps = 30, TravelRepeat = 3 }.EvaluationsWith(discrete));
        // Levels above a prior's range fall together.
        Assert.True(new Ddrm().EvaluationsWith(new EdmDenoiser(new StubNetwork((x, _) => x), new EdmPreconditioning(), (0.002, 1))) < 20);
    }

    public static TheoryData<string> Walkers => ["ddrm", "ddnm", "ilvr"];

    [Theory]
    [MemberData(nameof(Walkers))]
    public void A_solver_walks_down_the_priors_noise_levels_unless_told_others(string name)
    {
        Assert.Equal([30, 5, 0.7, 0.02], Visited(name, []));
        Assert.Equal(_papers, Visited(name, ["schedule=vp-linear"]));
    }

    [Theory]
    [InlineData("ddnm+")]
    [InlineData("diffpir")]
    [InlineData("dps")]
    [InlineData("mcg")]
    [InlineData("pigdm")]
    [InlineData("red-diff")]
    [InlineData("snips", "steps-per-level=1")]
    public void A_solver_that_was_fitted_to_a_process_walks_down_that_of_the_prior_or_the_usual_one(string name, params string[] settings)
    {
        Assert.Equal(_papers, Visited(name, settings));
        Assert.Equal(new GeometricSchedule().Levels(4)[..^1], Visited(name, [.. settings, "schedule=geometric"]));
        var process = VpSchedule.Cosine(50);
        Assert.Equal(process.Levels(4)[^5..^1], Visited(name, settings, process)[^4..]);
        // 4 does not divide 50, so there are five levels; DDNM+ takes exactly four.
        Assert.Equal(name == "ddnm+" ? 4 : 5, Visited(name, settings, process).Count);
    }

    [Fact]
    public void An_unknown_schedule_is_refused_with_the_names_that_there_are()
    {
        var error = Assert.Throws<SolverOptionsException>(() => SolverCatalog.Create("ddrm", SolverSettings.Parse(["schedule=linear"])));
        Assert.Contains("schedule is 'linear', expected prior, karras, geometric, vp-linear, vp-cosine, shifted-cosine", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void More_steps_than_the_process_of_the_prior_has_are_refused()
    {
        using var scope = new Scope();
        using var h = new BlockAverage(new(3, 8, 8), 2);
        var prior = new VpDenoiser(new StubNetwork((x, _) => x, 3), VpSchedule.Linear(50));
        Assert.Throws<SolverOptionsException>(() => new Ddrm { Steps = 51 }.EvaluationsWith(prior));
        var error = Assert.Throws<SolverOptionsException>(() => new Ddrm { Steps = 51 }.Restore(new Measurement<BlockAverage>(Tensor.Zeros([1, 3, 4, 4]), h, 0), prior, new SeededNoise(1)));
        Assert.Contains("steps is 51, expected 1 to 50", error.Message, StringComparison.Ordinal);
    }

    // Each level that a solver visits in four steps.
    private static List<double> Visited(string name, IEnumerable<string> settings, NoiseSchedule? own = null)
    {
        using var scope = new Scope();
        using var h = new BlockAverage(new(3, 8, 8), 2);
        var measurement = new Measurement<LinearOperator>(h.Apply(new SeededNoise(1).Normal([1, 3, 8, 8])), h, 0);
        var prior = new Recorder(own ?? _own);
        var solver = SolverCatalog.Create(name, SolverSettings.Parse([.. settings, "steps=4"]));
        var result = solver.RestoreAny(measurement, prior, new SeededNoise(2));
        Assert.Equal((4, solver.EvaluationsWith(prior)), (solver.Evaluations, result.Evaluations));
        return prior.Visited;
    }

    private sealed class Recorder(NoiseSchedule own) : Denoiser
    {
        public List<double> Visited { get; } = [];

        public override long? Channels => 3;

        public override (double Min, double Max) SigmaRange => (0.001, 1000);

        public override NoiseSchedule Schedule => own;

        public override Tensor Denoise(Tensor x, double sigma)
        {
            Visited.Add(sigma);
            return x * (1 / (1 + sigma * sigma));
        }
    }

    private sealed class Flat : Denoiser
    {
        public override long? Channels => 3;

        public override (double Min, double Max) SigmaRange => (0, double.PositiveInfinity);

        public override Tensor Denoise(Tensor x, double sigma) => x;
    }

    private sealed class NoGuide : IClassifierGuide
    {
        public Tensor Gradient(Tensor x, double sigma) => x.ZerosLike();
    }
}
