using Posterior.Diffusion;
using Posterior.Imaging;
using Posterior.Torch;

namespace Posterior.Tests.Diffusion;

[Collection(LiveHandles.Name)]
public sealed class SamplerTests
{
    private static readonly ImageShape _shape = new(1, 64, 64);

    public static TheoryData<string> Samplers => ["heun", "churn", "euler", "2m", "ddim", "ddim-eta", "ddpm", "ddpm-large", "2-ancestral", "single-sde", "single-sde-late"];

    [Theory]
    [MemberData(nameof(Samplers))]
    public void Samples_of_a_normal_prior_have_its_mean_and_spread(string name)
    {
        using var scope = new Scope();
        var prior = GaussianDenoiser.Isotropic(Tensor.Full(_shape.Batch(1), 0.25), 0.3);
        var before = LiveHandles.Count();
        var x = Sampler(name).Sample(prior, 2, _shape, new SeededNoise(1, 2));
        Assert.Equal(before + 1, LiveHandles.Count());
        Assert.Equal(0.25, x.Mean().Item(), 0.015);
        Assert.Equal(0.3, Math.Sqrt(x.Reshape(-1).Variance([0]).Item()), name is "ddpm-large" ? 0.03 : 0.012);
    }

    [Fact]
    public void Heun_converges_with_the_second_order_and_Euler_with_the_first()
    {
        using var scope = new Scope();
        var shape = new ImageShape(1, 4, 4);
        var prior = GaussianDenoiser.Isotropic(Tensor.Full(shape.Batch(1), 0.25), 0.3);
        var start = new SeededNoise(3).Normal(shape.Batch(1), DType.Float64) * 20;
        // The flow of a normal prior from sigma 20 to 0.01, then one step to 0 by the denoiser.
        var flow = prior.Denoise((start - 0.25) * Math.Sqrt((0.09 + 1e-4) / (0.09 + 400)) + 0.25, 0.01);
        double Error(Sampler sampler, int steps) =>
            ((sampler with { Steps = steps, Schedule = new KarrasSchedule(0.01, 20) }).Sample(prior, 1, shape, new SeededNoise(3), DType.Float64) - flow).Norm().Item();
        Assert.InRange(Error(new EdmHeun(), 50) / Error(new EdmHeun(), 100), 3.5, 4.7);
        Assert.InRange(Error(new DpmSolver2M(), 50) / Error(new DpmSolver2M(), 100), 3.2, 4.9);
        Assert.InRange(Error(new DpmSolver2Ancestral { Eta = 0 }, 50) / Error(new DpmSolver2Ancestral { Eta = 0 }, 100), 3.2, 4.9);
        Assert.InRange(Error(new DpmSolverSingleSde { Eta = 0, Between = 0.7 }, 50) / Error(new DpmSolverSingleSde { Eta = 0, Between = 0.7 }, 100), 3.2, 4.9);
        Assert.InRange(Error(new Euler(), 50) / Error(new Euler(), 100), 1.8, 2.2);
    }

    [Theory]
    [InlineData(3)]
    [InlineData(6)]
    public void A_multistep_sampler_integrates_a_slope_that_is_a_polynomial_below_its_order(int order)
    {
        using var scope = new Scope();
        var shape = new ImageShape(1, 2, 2);
        var prior = new PolynomialSlope(order - 1);
        var sampler = new LinearMultistep { Order = order, Steps = 12, Schedule = new KarrasSchedule(0.3, 2) };
        var levels = sampler.Schedule.Levels(12);
        var states = new List<double>();
        sampler.Sample(prior, 1, shape, new SeededNoise(3), DType.Float64, progress: new Reporter<SamplerStep>(step =>
            states.Add(step.Estimate.Narrow(2, 0, 1).Narrow(3, 0, 1).Item() + step.Sigma * Math.Pow(step.Sigma, order - 1))));
        for (var i = order; i < 11; i++)
            Assert.Equal((Math.Pow(levels[i + 1], order) - Math.Pow(levels[i], order)) / order, states[i + 1] - states[i], 1e-9);
    }

    [Fact]
    public void Without_fresh_noise_stochastic_samplers_are_their_deterministic_ones()
    {
        using var scope = new Scope();
        var shape = new ImageShape(1, 5, 3);
        var prior = GaussianDenoiser.Isotropic(Tensor.Full(shape.Batch(1), 0.25), 0.3);
        Tensor Sample(Sampler sampler) => (sampler with { Steps = 9, Schedule = new KarrasSchedule(0.01, 20) }).Sample(prior, 2, shape, new SeededNoise(3, 4), DType.Float64);
        void Same(Sampler one, Sampler other) => Assert.InRange((Sample(one) - Sample(other)).Abs().Max().Item(), 0, 1e-12);
        Same(new DpmSolver2(), new DpmSolver2Ancestral { Eta = 0 });
        Same(new DpmSolver2S { Eta = 0 }, new DpmSolverSingleSde { Eta = 0 });
        // Without noise of any strength, an ancestral step is one to the lower level.
        foreach (Sampler sampler in new Sampler[] { new DpmSolver2S(), new DpmSolver2Ancestral(), new DpmSolverSingleSde(), new DpmSolver2MSde(), new DpmSolver3MSde(), new Ddim { Eta = 1 } })
            Assert.True((Sample(sampler) - Sample(Silent(sampler))).Norm().Item() > 0.1, sampler.GetType().Name);

        static Sampler Silent(Sampler sampler) => sampler switch
        {
            DpmSolver2S one => one with { NoiseScale = 0 },
            DpmSolver2Ancestral one => one with { NoiseScale = 0 },
            DpmSolverSingleSde one => one with { NoiseScale = 0 },
            DpmSolverSde one => one with { NoiseScale = 0 },
            Ddim one => one with { NoiseScale = 0 },
            _ => throw new ArgumentOutOfRangeException(nameof(sampler)),
        };
    }

    [Fact]
    public void Samples_are_alike_in_any_batch_and_steps_can_be_cancelled()
    {
        using var scope = new Scope();
        var prior = GaussianDenoiser.Isotropic(Tensor.Full(_shape.Batch(1), 0.25), 0.3);
        var sampler = new EdmHeun { Churn = 10 };
        var both = sampler.Sample(prior, 2, _shape, new SeededNoise(1, 2));
        var second = sampler.Sample(prior, 1, _shape, new SeededNoise(2));
        Assert.True((both.Narrow(0, 1, 1) - second).Abs().Max().Item() <= 1e-5);
        using var source = new CancellationTokenSource();
        var last = -1;
        Assert.Throws<OperationCanceledException>(() => sampler.Sample(prior, 1, _shape, new SeededNoise(2), progress: new Reporter<SamplerStep>(step =>
        {
            last = step.Index;
            if (last == 4) source.Cancel();
        }), cancellation: source.Token));
        Assert.Equal(4, last);
    }

    private static Sampler Sampler(string name) => name switch
    {
        "heun" => new EdmHeun { Steps = 60 },
        "churn" => new EdmHeun { Churn = 20, Steps = 60 },
        "euler" => new Euler { Steps = 100 },
        "2m" => new DpmSolver2M { Steps = 60 },
        "ddim" => new Ddim { Steps = 200 },
        "ddim-eta" => new Ddim { Steps = 500, Eta = 1 },
        "ddpm" => new Ddpm { Steps = 500 },
        "2-ancestral" => new DpmSolver2Ancestral { Steps = 200 },
        // With independent draws the spread would be 0.269.
        "single-sde" => new DpmSolverSingleSde { Steps = 50 },
        "single-sde-late" => new DpmSolverSingleSde { Steps = 60, Between = 0.8 },
        "ddpm-large" => new Ddpm { Steps = 1000, Variance = StepVariance.Forward },
        _ => throw new ArgumentOutOfRangeException(nameof(name)),
    };

    // (x - D(x; sigma)) / sigma = sigma^degree.
    private sealed class PolynomialSlope(int degree) : Denoiser
    {
        public override long? Channels => 1;

        public override (double Min, double Max) SigmaRange => (0, double.PositiveInfinity);

        public override Tensor Denoise(Tensor x, double sigma) => x - sigma * Math.Pow(sigma, degree);
    }
}
