using Posterior.Diffusion;
using Posterior.Imaging;
using Posterior.Metrics;
using Posterior.Operators;
using Posterior.Solvers;
using Posterior.Torch;

namespace Posterior.Tests.Solvers;

/// <summary>Cases in which a method's mathematics is exact: there its samples must be as close to the posterior as exact samples are, and what makes it exact must be what is missing elsewhere.</summary>
public sealed class ExactCaseTests
{
    private const int Samples = 2000;

    private static readonly ImageShape _shape = new(1, 4, 4);

    [Theory]
    [InlineData(0.05)]
    [InlineData(0.4)]
    public void One_evaluation_at_the_level_of_the_noise_is_the_posterior_mean(double sigma)
    {
        using var scope = new Scope();
        var prior = Correlated(0.8);
        var y = prior.Sample(1, new SeededNoise(1)) + new SeededNoise(2).Normal(_shape.Batch(1), DType.Float64) * sigma;
        var (posterior, _) = prior.Condition(Tensor.Eye(16, DType.Float64), y, sigma);
        OraclePriors.Close(posterior.Mean, prior.Denoise(y, sigma), 1e-9, "normal prior");

        var mixture = new GaussianMixtureDenoiser([0.7, 0.3], [prior, GaussianDenoiser.Isotropic(Tensor.Full(_shape.Batch(1), 0.5), 0.2)]);
        var (parts, _) = mixture.Condition(Tensor.Eye(16, DType.Float64), y, sigma);
        var mean = parts.Components[0].Mean * parts.Weights[0] + parts.Components[1].Mean * parts.Weights[1];
        OraclePriors.Close(mean, mixture.Denoise(y, sigma), 1e-9, "mixture");
    }

    public static TheoryData<Sampler> Flows =>
    [
        new EdmHeun { Steps = 40 },
        new Ddim { Steps = 400, Clip = false, Schedule = new KarrasSchedule() },
        new DpmSolver2M { Steps = 60 },
    ];

    [Theory]
    [MemberData(nameof(Flows))]
    public void The_probability_flow_draws_the_law_of_a_normal_prior(Sampler sampler)
    {
        using var scope = new Scope();
        var prior = Correlated(0.8);
        MeetsTheFloor(prior, sampler.Sample(prior, Samples, _shape, Seeds(), DType.Float64));
    }

    [Fact]
    public void The_probability_flow_of_the_posteriors_denoiser_draws_the_posterior()
    {
        using var scope = new Scope();
        using var h = new BlockAverage(_shape, 2) { DType = DType.Float64 };
        var (posterior, _) = Exact(Correlated(0.8), h, Measured(Correlated(0.8), h, 0.1), 0.1);
        MeetsTheFloor(posterior, new EdmHeun { Steps = 40 }.Sample(posterior, Samples, _shape, Seeds(), DType.Float64));
    }

    // Without noise, and with a prior whose coordinates in the operator's basis are independent, what was measured says nothing about the rest: the rest follows the prior's own flow.
    [Theory]
    [InlineData("ddrm", "sr2")]
    [InlineData("ddrm", "inpaint")]
    [InlineData("ddnm", "sr2")]
    [InlineData("ddnm", "inpaint")]
    [InlineData("ddnm+", "sr2")]
    public void Without_noise_deterministic_steps_are_exact_where_the_prior_is_independent_in_the_operators_basis(string name, string operation)
    {
        using var scope = new Scope();
        using var h = Operation(operation);
        var prior = IndependentIn(h);
        var y = Measured(prior, h, 0);
        var (posterior, _) = Exact(prior, h, y, 0);
        var schedule = new KarrasSchedule();
        Restoration Run(double eta) => Restore(name switch
        {
            "ddrm" => new Ddrm { Steps = 300, Eta = eta, Schedule = schedule },
            "ddnm" => new Ddnm { Steps = 300, Eta = eta, Schedule = schedule },
            _ => new DdnmPlus { Steps = 300, Eta = eta, Schedule = schedule },
        }, prior, h, y, 0);
        MeetsTheFloor(posterior, Run(0).Estimate);
        // A constant share of fresh noise in every step is not the reverse process of any diffusion: the spread becomes too small.
        Assert.InRange(Spread(posterior, Run(0.85).Estimate), 0.2, 0.9);
    }

    [Theory]
    [InlineData("ddrm")]
    [InlineData("ddnm")]
    [InlineData("ddnm+")]
    [InlineData("ilvr")]
    [InlineData("ssd")]
    [InlineData("pinv")]
    public void Without_noise_an_invertible_operator_leaves_nothing_to_sample(string name)
    {
        using var scope = new Scope();
        using var h = new SeparableConvolution(_shape, Filter.Centred([0.2, 0.6, 0.2]), Filter.Centred([0.1, 0.8, 0.1]), 1, Boundary.Zero, 0) { DType = DType.Float64 };
        var prior = Correlated(0.8);
        var truth = prior.Sample(1, new SeededNoise(1));
        var result = SolverCatalog.Create(name).RestoreAny(new Measurement<SpectralOperator>(h.Apply(truth), h, 0), prior, new SeededNoise(3)).Estimate;
        OraclePriors.Close(truth, result, 1e-9, name);
    }

    // Its variance r^2 = sigma^2 / (1 + sigma^2) is that of the clean image given the state if the prior is N(m, I), and for no other prior.
    [Theory]
    [InlineData(0.1, 0)]
    [InlineData(0.1, 1)]
    [InlineData(0, 0)]
    public void Pigdm_with_the_weights_of_bayes_rule_is_exact_for_independent_pixels_of_unit_variance(double sigma, double eta)
    {
        using var scope = new Scope();
        using var h = new BlockAverage(_shape, 2) { DType = DType.Float64 };
        var solver = new PiGdm { Steps = 300, Eta = eta, Weighting = PiGdmWeighting.ExactDdim, Start = StartingPoint.Noise, Schedule = new KarrasSchedule() };
        var unit = GaussianDenoiser.Isotropic(Tensor.Full(_shape.Batch(1), 0.1), 1);
        MeetsTheFloor(Exact(unit, h, Measured(unit, h, sigma), sigma).Posterior, Restore(solver, unit, h, Measured(unit, h, sigma), sigma).Estimate);
        if (sigma == 0 || eta == 1) return;
        var correlated = Correlated(0.8);
        var (posterior, _) = Exact(correlated, h, Measured(correlated, h, sigma), sigma);
        var result = Restore(solver, correlated, h, Measured(correlated, h, sigma), sigma).Estimate;
        Assert.True(Distance(posterior, result) > 2 * Limit(posterior), "a correlated prior is sampled as well: the case is not special");
    }

    [Fact]
    public void Snips_approaches_the_posterior_as_its_steps_shrink_and_multiply()
    {
        using var scope = new Scope();
        using var h = new BlockAverage(_shape, 2) { DType = DType.Float64 };
        var prior = Correlated(0.5);
        var y = Measured(prior, h, 0.1);
        var (posterior, _) = Exact(prior, h, y, 0.1);
        Tensor Run(int levels, double size, int steps) => Restore(new Snips { Schedule = new GeometricSchedule(0.01, 2), Steps = levels, StepSize = size, StepsPerLevel = steps }, prior, h, y, 0.1).Estimate;
        var fine = Run(60, 0.05, 40);
        Assert.True(Distance(posterior, Run(15, 0.67, 1)) > 2 * Distance(posterior, fine), "one long step a level is as good");
        MeetsTheFloor(posterior, fine);
    }

    // With the score of the prior at the chain's own position each chain has the law of the clean image given the state and the measurement, so that the levels are a Gibbs sampler. The data term of
    // the code is twice the log-likelihood: the noise of the measurement is tau / sqrt(2).
    [Fact]
    public void Daps_with_the_exact_score_approaches_the_posterior_as_its_chains_grow()
    {
        using var scope = new Scope();
        using var h = new BlockAverage(_shape, 2) { DType = DType.Float64 };
        var prior = Correlated(0.3);
        var y = Measured(prior, h, 0.1);
        var (posterior, _) = Exact(prior, h, y, 0.1);
        var solver = new Daps { Steps = 20, FlowSteps = 3, SigmaMax = 2, SigmaMin = 0.15, Prior = DapsPrior.Exact, PriorSigma = 0.01, LearningRate = 4e-4, LearningRateDecay = 1, Tau = Math.Sqrt(2) * 0.1 };
        var distances = new[] { 2, 10, 80 }.Select(moves => Distance(posterior, Restore(solver with { Moves = moves }, prior, h, y, 0.1).Estimate)).ToArray();
        Assert.True(distances[0] > distances[1] && distances[1] > distances[2], string.Join(", ", distances));
        Assert.InRange(distances[2], 0, Limit(posterior));
        // Half the data term, tau = 2 sigma, is another posterior.
        Assert.True(Distance(posterior, Restore(solver with { Moves = 80, Tau = 0.2 }, prior, h, y, 0.1).Estimate) > 2 * Limit(posterior));
    }

    // The paper's stand-in for the prior is N(x^0, sigma^2) around the end of the flow. Where sigma is small the end of an exact flow is x + sigma^2 score / 2: half of the pull that Bayes' rule asks for, so
    // that slow annealing ends at the posterior of a prior of twice the variance. One Euler step is D(x) = x + sigma^2 score: the whole pull, and the levels are Langevin dynamics.
    [Theory]
    [InlineData(40, 2)]
    [InlineData(1, 1)]
    public void Daps_with_the_normal_stand_in_and_slow_annealing_is_exact_with_one_step_of_the_flow_and_doubles_the_priors_variance_with_many(int flowSteps, double factor)
    {
        using var scope = new Scope();
        const double variance = 0.09, sigma = 0.3;
        var shape = new ImageShape(1, 96, 96);
        using var h = new Identity(shape) { DType = DType.Float64 };
        var prior = GaussianDenoiser.Isotropic(Tensor.Zeros(shape.Batch(1)), Math.Sqrt(variance));
        var y = new SeededNoise(1).Normal(shape.Batch(1), DType.Float64) * Math.Sqrt(variance + sigma * sigma);
        var solver = new Daps { Steps = 100, SigmaMax = 0.3, SigmaMin = 0.04, FlowSigmaMin = 0.001, FlowSteps = flowSteps, Moves = 60, LearningRate = 3e-4, LearningRateDecay = 1, Tau = Math.Sqrt(2) * sigma };
        var result = solver.Restore(new Measurement<LinearOperator>(y, h, sigma), prior, new SeededNoise(2)).Estimate;
        // The result is gain y + deviation z.
        var gain = (result * y).Sum().Item() / y.Square().Sum().Item();
        var deviation = Math.Sqrt((result - y * gain).Square().Mean().Item());
        var precision = 1 / (sigma * sigma) + 1 / (factor * variance);
        Assert.Equal(1 / (sigma * sigma) / precision, gain, 0.04);
        Assert.Equal(Math.Sqrt(1 / precision), deviation, 0.012);
    }

    // The end of a chain of Langevin moves is normal: without noise it is the mean, with noise the spread of either half of the coordinates is that of 9216 draws.
    [Fact]
    public void Daps_draws_the_end_of_a_chain_from_the_law_of_its_moves()
    {
        using var scope = new Scope();
        var shape = new ImageShape(1, 96, 96);
        using var h = new Inpainting(shape, Masks.Random(shape, 0.5, 1)) { DType = DType.Float64 };
        var prior = GaussianDenoiser.Isotropic(Tensor.Full(shape.Batch(1), 0.2), 0.3);
        var y = h.Apply(new SeededNoise(1).Normal(shape.Batch(1), DType.Float64));
        var jumping = new Daps { Steps = 1, SigmaMax = 0.2, SigmaMin = 0.1, FlowSteps = 2, Moves = 7, LearningRate = 1e-3, Tau = 0.1 };
        var walking = jumping with { MoveByMove = true };
        var still = Run(walking, Still());
        Assert.Equal(0, (Run(jumping, Still()) - still).Abs().Max().Item(), 1e-12);
        var (jumped, walked) = (Run(jumping, Noisy()) - still, Run(walking, Noisy()) - still);
        var measured = h.Adjoint(h.Apply(Tensor.Ones(shape.Batch(1), DType.Float64)));
        foreach (var half in new[] { measured, 1 - measured })
        {
            double Spread(Tensor error) => Math.Sqrt(((error * half).Square().Sum() / half.Sum()).Item());
            Assert.InRange(Spread(jumped) / Spread(walked), 0.96, 1.04);
        }

        Tensor Run(Daps solver, NoiseSource noise) => solver.Restore(new Measurement<LinearOperator>(y, h, 0.05), prior, noise).Estimate;

        NoiseSource Still() => new ReplayedNoise(Enumerable.Repeat(Tensor.Zeros(shape.Batch(1), DType.Float64), 10));

        // The start is not random: the chain's noise alone remains.
        NoiseSource Noisy() => new ReplayedNoise(Enumerable.Range(0, 10).Select(i => i == 0 ? Tensor.Zeros(shape.Batch(1), DType.Float64) : new SeededNoise((ulong)i).Normal(shape.Batch(1), DType.Float64)));
    }

    private static SpectralOperator Operation(string name) => name == "sr2"
        ? new BlockAverage(_shape, 2) { DType = DType.Float64 }
        : new Inpainting(_shape, Masks.Random(_shape, 0.5, 1)) { DType = DType.Float64 };

    // Neighbours correlate by rho, pixels r rows and c columns apart by its power r + c.
    private static GaussianDenoiser Correlated(double rho)
    {
        var values = new double[16 * 16];
        for (var i = 0; i < 16; i++)
            for (var j = 0; j < 16; j++) values[i * 16 + j] = 0.0625 * Math.Pow(rho, Math.Abs(i / 4 - j / 4) + Math.Abs(i % 4 - j % 4));
        return GaussianDenoiser.WithCovariance(Tensor.Full(_shape.Batch(1), 0.1), Tensor.From(values, 16, 16));
    }

    // Independent coordinates of different variances.
    private static GaussianDenoiser IndependentIn(SpectralOperator h)
    {
        var basis = h.V(Tensor.Eye(16, DType.Float64).Reshape(_shape.Batch(16))).Reshape(16, 16);
        var variances = Tensor.Linspace(0.01, 0.16, 16, DType.Float64);
        return GaussianDenoiser.WithCovariance(Tensor.Full(_shape.Batch(1), 0.1), basis.Transpose(0, 1).MatMul(basis * variances.Unsqueeze(1)));
    }

    private static Tensor Measured(GaussianDenoiser prior, SpectralOperator h, double sigma) =>
        Measurement<SpectralOperator>.Simulate(h, prior.Sample(1, new SeededNoise(1)), sigma, new SeededNoise(2)).Data;

    private static (GaussianDenoiser Posterior, double LogEvidence) Exact(GaussianDenoiser prior, SpectralOperator h, Tensor y, double sigma)
    {
        // Rows of zeros, as inpainting has, are left out: without noise they would be dependent.
        var matrix = h.Apply(Tensor.Eye(16, DType.Float64).Reshape(_shape.Batch(16))).Reshape(16, -1).Transpose(0, 1);
        var rows = matrix.Abs().Sum([1]).Greater(0);
        return prior.Condition(matrix.Index(rows), y.Reshape(-1).Index(rows), sigma);
    }

    private static Restoration Restore(Solver solver, Denoiser prior, SpectralOperator h, Tensor y, double sigma) =>
        solver.RestoreAny(new Measurement<SpectralOperator>(y.Repeat([Samples, .. Enumerable.Repeat(1L, y.Rank - 1)]), h, sigma), prior, Seeds());

    private static SeededNoise Seeds() => new([.. Enumerable.Range(100, Samples).Select(seed => (ulong)seed)]);

    private static double Distance(GaussianDenoiser law, Tensor samples)
    {
        var (mean, covariance) = GaussianDistance.Fit(samples);
        return GaussianDistance.Wasserstein(law.Mean, law.Covariance(), mean, covariance);
    }

    private static double Spread(GaussianDenoiser law, Tensor samples) =>
        Math.Sqrt(GaussianDistance.Fit(samples).Covariance.Diagonal().Sum().Item() / law.Covariance().Diagonal().Sum().Item());

    // 1.5 times the largest distance of ten sets of exact samples.
    private static double Limit(GaussianDenoiser law) => 1.5 * Enumerable.Range(1, 10).Max(set =>
        Distance(law, law.Sample(Samples, new SeededNoise([.. Enumerable.Range(0, Samples).Select(sample => (ulong)(1_000_000 * set + sample))]))));

    private static void MeetsTheFloor(GaussianDenoiser law, Tensor samples)
    {
        var (distance, limit) = (Distance(law, samples), Limit(law));
        Assert.True(distance <= limit, FormattableString.Invariant($"W2 is {distance}, exact samples reach {limit / 1.5}"));
    }
}
