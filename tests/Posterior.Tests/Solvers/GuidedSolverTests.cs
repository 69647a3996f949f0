using Posterior.Diffusion;
using Posterior.Imaging;
using Posterior.Operators;
using Posterior.Solvers;
using Posterior.Tests.Networks;
using Posterior.Torch;

namespace Posterior.Tests.Solvers;

/// <summary>DPS, PiGDM, MCG, DAPS, RED-diff: properties that a wrong sign, factor or order breaks.</summary>
[Collection(LiveHandles.Name)]
public sealed class GuidedSolverTests
{
    private static readonly ImageShape _shape = new(3, 16, 16);

    public static TheoryData<Solver> All =>
    [
        new Dps { Steps = 200, Zeta = 1 },
        new PiGdm { Steps = 20 },
        new Mcg { Steps = 60 },
        new Daps { Steps = 20, Moves = 40, FlowSteps = 2 },
        new RedDiff { Steps = 100 },
    ];

    [Theory]
    [MemberData(nameof(All))]
    public void The_misfit_falls_far_below_that_of_a_sample_of_the_prior(Solver solver)
    {
        using var scope = new Scope();
        using var h = new BlockAverage(_shape, 2);
        var prior = GaussianDenoiser.Isotropic(Tensor.Zeros(_shape.Batch(1)), 0.5);
        var truth = new SeededNoise(1, 2).Normal(_shape.Batch(2)) * 0.5;
        var measurement = Measurement<SpectralOperator>.Simulate(h, truth, 0, new SeededNoise(3, 4));
        var result = solver.RestoreAny(measurement, prior, new SeededNoise(5, 6)).Estimate;
        var unguided = new Ddpm { Steps = 60, Clip = false }.Sample(prior, 2, _shape, new SeededNoise(5, 6));
        var (guided, free) = (Misfit(result), Misfit(unguided));
        Assert.True(guided < 0.3 * free, $"{solver.Name}: {guided}, of a free sample {free}");

        double Misfit(Tensor x) => (h.Apply(x) - measurement.Data).Norm().Item();
    }

    [Theory]
    [MemberData(nameof(All))]
    public void A_network_is_differentiated_and_a_batch_does_not_tie_its_images_together(Solver solver)
    {
        using var scope = new Scope();
        var shape = new ImageShape(1, 16, 16);
        using var network = PhotoUNetTests.Random(new() { ImageChannels = 1, Widths = [8, 8], Blocks = [1, 1], EmbeddingWidth = 16 }, 1);
        var prior = new EdmDenoiser(network, new EdmPreconditioning());
        using var h = new BlockAverage(shape, 2);
        solver = solver switch
        {
            Dps dps => dps with { Steps = 5 },
            PiGdm piGdm => piGdm with { Steps = 5 },
            Mcg mcg => mcg with { Steps = 5 },
            Daps daps => daps with { Steps = 3 },
            RedDiff red => red with { Steps = 5 },
            _ => solver,
        };
        var y = h.Apply(new SeededNoise(1, 2).Normal(shape.Batch(2)) * 0.5);
        var together = solver.RestoreAny(new Measurement<SpectralOperator>(y, h, 0), prior, new SeededNoise(5, 6)).Estimate;
        for (var i = 0; i < 2; i++)
        {
            var alone = solver.RestoreAny(new Measurement<SpectralOperator>(y.Narrow(0, i, 1), h, 0), prior, new SeededNoise((ulong)(5 + i))).Estimate;
            OraclePriors.Close(alone, together.Narrow(0, i, 1), 1e-4, solver.Name);
        }
    }

    // x1 = x0 + k (x - x0) / s - zeta c d|y - h x0| / dx by hand, on one pixel: the sign and both factors of the variance-preserving step.
    [Fact]
    public void One_step_of_dps_on_one_pixel_follows_the_paper()
    {
        using var scope = new Scope();
        double gain = 0.5, high = 3, low = 0.9, y = 0.31, z = 0.8, zeta = 0.2;
        var x = high * z;
        var slope = 0.09 / (0.09 + high * high);
        var x0 = 0.2 + slope * (x - 0.2);
        var descent = Math.Sign(y - gain * x0) * gain * slope * Math.Sqrt((1 + high * high) * (1 + low * low));
        var next = x0 + low / high * (x - x0) + zeta * descent;
        var (last, end) = (0.2 + 0.09 / (0.09 + low * low) * (next - 0.2), 0.09 / (0.09 + low * low));
        var expected = last + zeta * Math.Sign(y - gain * last) * gain * end * Math.Sqrt(1 + low * low);
        using var h = new DenseMatrix(new(1, 1, 1), Tensor.Full([1, 1], gain, DType.Float64)) { DType = DType.Float64 };
        var prior = GaussianDenoiser.Isotropic(Tensor.Full([1, 1, 1, 1], 0.2, DType.Float64), 0.3);
        var noise = new ReplayedNoise(new[] { z, 0, 0 }.Select(value => Tensor.Full([1, 1, 1, 1], value, DType.Float64)));
        var solver = new Dps { Schedule = new ExplicitSchedule(high, low), Eta = 0, Zeta = zeta, Clip = false };
        var result = solver.Restore(new Measurement<ForwardOperator>(Tensor.Full([1, 1], y, DType.Float64), h, 0), prior, noise);
        Assert.Equal(expected, result.Estimate.Item(), 1e-12);
    }

    [Fact]
    public void An_operator_that_is_not_linear_is_differentiated_by_dps()
    {
        using var scope = new Scope();
        using var linear = new Identity(_shape);
        using var recorded = new Recorded(_shape);
        var prior = GaussianDenoiser.Isotropic(Tensor.Zeros(_shape.Batch(1)), 0.5);
        var y = new SeededNoise(1).Normal(_shape.Batch(1)) * 0.5;
        var solver = new Dps { Steps = 30, Zeta = 0.5 };
        var expected = solver.Restore(new Measurement<ForwardOperator>(y, linear, 0), prior, new SeededNoise(2)).Estimate;
        var actual = solver.Restore(new Measurement<ForwardOperator>(y, recorded, 0), prior, new SeededNoise(2)).Estimate;
        OraclePriors.Close(expected, actual, 1e-5, "estimate");
        var refusal = Assert.Throws<UnsupportedOperatorException>(() => (solver with { Start = StartingPoint.PseudoInverse }).Restore(new Measurement<ForwardOperator>(y, recorded, 0), prior, new SeededNoise(2)));
        Assert.StartsWith("solver 'dps' needs a linear operator, ", refusal.Message, StringComparison.Ordinal);
        Assert.Throws<UnsupportedOperatorException>(() => new PiGdm().RestoreAny(new Measurement<ForwardOperator>(y, recorded, 0), prior, new SeededNoise(2)));
    }

    [Theory]
    [InlineData(0.0)]
    [InlineData(0.1)]
    public void Conjugate_gradients_and_the_closed_form_of_pigdm_agree(double sigma)
    {
        using var scope = new Scope();
        using var closed = new SeparableConvolution(_shape, Filter.Centred([0.1, 0.8, 0.1]), Filter.Centred([0.15, 0.7, 0.15]), 1, Boundary.Zero, 0) { DType = DType.Float64 };
        using var iterated = new UserOperator(_shape, closed.OutputShape, closed.Apply, closed.Adjoint);
        var prior = GaussianDenoiser.Isotropic(Tensor.Zeros(_shape.Batch(1)), 0.5);
        var y = closed.Apply(new SeededNoise(1).Normal(_shape.Batch(1), DType.Float64) * 0.5);
        var solver = new PiGdm { Steps = 10, Start = StartingPoint.Noise };
        var expected = solver.Restore(new Measurement<LinearOperator>(y, closed, sigma), prior, new SeededNoise(2)).Estimate;
        var actual = solver.Restore(new Measurement<LinearOperator>(y, iterated, sigma), prior, new SeededNoise(2)).Estimate;
        OraclePriors.Close(expected, actual, 1e-4, "estimate");
    }

    [Fact]
    public void Daps_draws_from_the_posterior_of_a_normal_prior()
    {
        // Independent pixels N(0.1, 0.3^2), seen with noise 0.3: the posterior is N(0.1 + (y - 0.1) / 2, 0.3^2 / 2).
        using var scope = new Scope();
        var shape = new ImageShape(1, 64, 64);
        using var h = new Identity(shape);
        var prior = GaussianDenoiser.Isotropic(Tensor.Full(shape.Batch(1), 0.1), 0.3);
        var y = new SeededNoise(1).Normal(shape.Batch(1)) * 0.42 + 0.1;
        var result = new Daps { Steps = 60, SigmaMax = 10, SigmaMin = 0.02, LearningRateDecay = 1, Moves = 200, LearningRate = 1e-4, Tau = Math.Sqrt(2) * 0.3 }
            .Restore(new Measurement<LinearOperator>(y, h, 0.3), prior, new SeededNoise(2)).Estimate;
        var error = result - ((y - 0.1) * 0.5 + 0.1);
        Assert.Equal(0, error.Mean().Item(), 0.02);
        Assert.Equal(0.3 / Math.Sqrt(2), Math.Sqrt(error.Square().Mean().Item()), 0.04);
    }

    // The factor of the code for Poisson noise, mean(1 / |y|), which a measurement of 0 would make infinite.
    [Theory]
    [InlineData(0.5, 0.001, (2 + 1000) / 2.0)]
    [InlineData(-0.25, 0.5, (4 + 2) / 2.0)]
    [InlineData(0.5, 0.0, (2 + 255) / 2.0)]
    public void Descent_for_Poisson_noise_is_that_on_the_norm_times_the_mean_of_the_inverse_measurement(double first, double second, double factor)
    {
        using var scope = new Scope();
        // Only the first pixel is seen; the prior ties the second to it, which MCG's projection leaves alone.
        using var h = new Inpainting(new(1, 1, 2), Tensor.From([1.0, 0.0], 1, 2)) { DType = DType.Float64 };
        var prior = GaussianDenoiser.WithCovariance(Tensor.Full([1, 1, 1, 2], 0.2, DType.Float64), Tensor.From([0.09, 0.05, 0.05, 0.09], 2, 2));
        var measurement = new Measurement<LinearOperator>(Tensor.From([first, second], 1, 1, 1, 2), h, 0);
        Tensor After(Solver solver) => solver.RestoreAny(measurement, prior, new SeededNoise(3)).Estimate;
        var dps = new Dps { Schedule = new ExplicitSchedule(2), Zeta = 1e-3, Clip = false };
        var mcg = new Mcg { Schedule = new ExplicitSchedule(2), Zeta = 1e-3, Clip = false };
        var (moved, projected) = (After(dps with { Zeta = 0 }), After(mcg with { Zeta = 0 }));
        OraclePriors.Close((After(dps) - moved) * factor, After(dps with { Guidance = DpsGuidance.PoissonNorm }) - moved, 1e-9, "dps");
        OraclePriors.Close((After(mcg) - projected) * factor, After(mcg with { Form = McgForm.PoissonNorm }) - projected, 1e-9, "mcg");
    }

    [Fact]
    public void A_flow_of_daps_may_end_between_the_level_that_is_never_reached_and_the_last_one_that_is()
    {
        var solver = new Daps { Steps = 4, SigmaMin = 0.1, SigmaMax = 10 };
        (solver with { FlowSigmaMin = 0.3 }).Validate();
        Assert.Contains("flow-sigma-min is 1", Assert.Throws<SolverOptionsException>(() => (solver with { FlowSigmaMin = 1 }).Validate()).Message);
    }

    [Fact]
    public void Settings_out_of_range_are_named()
    {
        Assert.Contains("zeta is -1", Assert.Throws<SolverOptionsException>(() => SolverCatalog.Create("dps", SolverSettings.Parse(["zeta=-1"]))).Message);
        Assert.Contains("a variance other than the posterior's needs eta 1", Assert.Throws<SolverOptionsException>(() => new Dps { Variance = StepVariance.Forward, Eta = 0 }.Validate()).Message);
        Assert.Contains("momentum is 2", Assert.Throws<SolverOptionsException>(() => new Daps { Momentum = 2 }.Validate()).Message);
        Assert.Contains("learning-rate is -1", Assert.Throws<SolverOptionsException>(() => new RedDiff { LearningRate = -1 }.Validate()).Message);
    }

    // The same with a slope of the operator that depends on where it is taken.
    [Fact]
    public void One_step_of_dps_takes_the_slope_of_an_operator_that_is_not_linear_at_the_estimate()
    {
        using var scope = new Scope();
        double high = 3, low = 0.9, y = 0.31, z = 0.8, zeta = 0.2;
        double H(double v) => v + 0.3 * v * v;
        double Slope(double v) => 1 + 0.6 * v;
        var x = high * z;
        var slope = 0.09 / (0.09 + high * high);
        var x0 = 0.2 + slope * (x - 0.2);
        var descent = Math.Sign(y - H(x0)) * Slope(x0) * slope * Math.Sqrt((1 + high * high) * (1 + low * low));
        var next = x0 + low / high * (x - x0) + zeta * descent;
        var (last, end) = (0.2 + 0.09 / (0.09 + low * low) * (next - 0.2), 0.09 / (0.09 + low * low));
        var expected = last + zeta * Math.Sign(y - H(last)) * Slope(last) * end * Math.Sqrt(1 + low * low);
        using var h = new Curved(new(1, 1, 1));
        var prior = GaussianDenoiser.Isotropic(Tensor.Full([1, 1, 1, 1], 0.2, DType.Float64), 0.3);
        var noise = new ReplayedNoise(new[] { z, 0, 0 }.Select(value => Tensor.Full([1, 1, 1, 1], value, DType.Float64)));
        var solver = new Dps { Schedule = new ExplicitSchedule(high, low), Eta = 0, Zeta = zeta, Clip = false };
        var result = solver.Restore(new Measurement<ForwardOperator>(Tensor.Full([1, 1, 1, 1], y, DType.Float64), h, 0), prior, noise);
        Assert.Equal(expected, result.Estimate.Item(), 1e-12);
    }

    private sealed class Curved(ImageShape shape) : ForwardOperator
    {
        public override ImageShape InputShape => shape;

        public override IReadOnlyList<long> OutputShape => [shape.Channels, shape.Height, shape.Width];

        public override string Name => "curved";

        public override Tensor Apply(Tensor x) => x + x.Square() * 0.3;
    }

    // The identity, known by its recorded operations only.
    private sealed class Recorded(ImageShape shape) : ForwardOperator
    {
        public override ImageShape InputShape => shape;

        public override IReadOnlyList<long> OutputShape => [shape.Channels, shape.Height, shape.Width];

        public override string Name => "recorded";

        public override Tensor Apply(Tensor x) => x * 1;
    }
}
