using Posterior.Diffusion;
using Posterior.Imaging;
using Posterior.Networks.Hdit;
using Posterior.Operators;
using Posterior.Solvers;
using Posterior.Tests.Networks;
using Posterior.Torch;

namespace Posterior.Tests.Solvers;

[Collection(LiveHandles.Name)]
public sealed class PosteriorSamplingTests
{
    private static readonly ImageShape _shape = new(3, 16, 16);

    // A conditional network that knows a Gaussian posterior: all samples of its ODE end on it.
    [Fact]
    public void Samples_of_an_exact_conditional_denoiser_follow_the_exact_posterior_and_the_mean_is_its_mean()
    {
        using var scope = new Scope();
        using var h = new Identity(new(1, 1, 1));
        var (count, sigmaY) = (4000, 0.5);
        var y = Tensor.Full([count, 1, 1, 1], 0.6);
        var model = new ExactPosterior();
        var seeds = Enumerable.Range(0, count).Select(i => (ulong)i).ToArray();
        var measurement = new Measurement<LinearOperator>(y, h, sigmaY);
        var samples = new Palette().Restore(measurement, model, new SeededNoise(seeds));
        var mean = new Palette { Estimate = PosteriorEstimate.Mmse }.Restore(measurement, model, new SeededNoise(seeds));

        // Prior N(0, 1): p(x | y) = N(y / (1 + sigma_y^2), sigma_y^2 / (1 + sigma_y^2)).
        Assert.Equal((63, 1), (samples.Evaluations, mean.Evaluations));
        Assert.InRange(samples.Estimate.Mean().Item(), 0.48 - 0.03, 0.48 + 0.03);
        Assert.InRange(samples.Estimate.Variance([0, 1, 2, 3]).Item(), 0.2 * 0.93, 0.2 * 1.07);
        Assert.InRange((mean.Estimate - 0.48).Abs().Max().Item(), 0, 0.01);
    }

    [Theory]
    [InlineData("heun", 4)]
    [InlineData("dpm++2m", 5)]
    [InlineData("ddim", 3)]
    [InlineData("dpm++2s", 3)]
    public void Any_sampler_draws_and_evaluates_as_often_as_stated(string sampler, int steps)
    {
        var before = LiveHandles.Count();
        using (new Scope())
        {
            using var network = InvFussionTests.Network(new());
            using var h = OperatorFamilies.Matrix.Draw(_shape, 1).Bind("random-matrix:seed=1");
            var solver = new InvFussion { Sampler = sampler, Steps = steps };
            var reports = 0;
            var measurement = new Measurement<LinearOperator>(h.Apply(Tensor.Zeros(_shape.Batch(2))), h, 0);
            var result = solver.Restore(measurement, Model(network), new SeededNoise(1, 2), new Reporter<SolverStep>(_ => reports++));
            Assert.Equal(solver.Evaluations, result.Evaluations);
            Assert.Equal(solver.Reports, reports);
            Assert.Equal(_shape.Batch(2), result.Estimate.Shape.ToArray());
        }
        Assert.Equal(before, Tensor.LiveCount);
    }

    [Fact]
    public void A_model_of_another_size_or_of_the_other_method_is_refused()
    {
        using var scope = new Scope();
        using var network = InvFussionTests.Network(new());
        using var h = new Identity(new(3, 32, 32));
        using var fits = new Identity(_shape);
        var large = new Measurement<LinearOperator>(Tensor.Zeros([1, 3, 32, 32]), h, 0.1);
        Assert.Equal("the model is for images of 3x16x16, the operator for 3x32x32", Assert.Throws<OperatorException>(() => new InvFussion().Restore(large, Model(network), new SeededNoise(1))).Message);
        var small = new Measurement<LinearOperator>(Tensor.Zeros([1, 3, 16, 16]), fits, 0.1);
        Assert.Contains("use invfussion", Assert.Throws<SolverOptionsException>(() => new Palette().Restore(small, Model(network), new SeededNoise(1))).Message, StringComparison.Ordinal);
        Assert.Contains("solvers for it: invfussion, palette", Assert.Throws<UnsupportedModelException>(() => new Ddrm().RestoreAny(new Measurement<SpectralOperator>(Tensor.Zeros([1, 3, 16, 16]), fits, 0.1), Model(network), new SeededNoise(1))).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_sample_of_the_prior_does_not_depend_on_the_measurement_and_has_the_prior_s_mean_and_variance()
    {
        using var scope = new Scope();
        using var h = new Identity(new(1, 1, 1));
        var seeds = Enumerable.Range(0, 4000).Select(i => (ulong)i).ToArray();
        var prior = GaussianDenoiser.Isotropic(Tensor.Full([1, 1, 1, 1], 0.3), 0.5);
        var (first, second) = (Sample(0.6), Sample(-2));
        Assert.Equal(first.ToArray<float>(), second.ToArray<float>());
        Assert.InRange(first.Mean().Item(), 0.3 - 0.03, 0.3 + 0.03);
        Assert.InRange(first.Variance([0, 1, 2, 3]).Item(), 0.25 * 0.93, 0.25 * 1.07);

        Tensor Sample(double y) => new PriorSample().RestoreAny(new Measurement<ForwardOperator>(Tensor.Full([seeds.Length, 1, 1, 1], y), h, 0.1), prior, new SeededNoise(seeds)).Estimate;
    }

    [Fact]
    public void A_model_that_takes_measurements_is_sampled_as_if_nothing_were_measured()
    {
        using var scope = new Scope();
        using var network = InvFussionTests.Network(new());
        using var h = new Identity(_shape);
        using var nothing = new ZeroOperator(_shape);
        var y = new SeededNoise(3, 4).Normal(_shape.Batch(2));
        var found = new PriorSample().RestoreAny(new Measurement<ForwardOperator>(y, h, 0.1), Model(network), new SeededNoise(1, 2)).Estimate;
        var expected = new InvFussion().Restore(new Measurement<LinearOperator>(Tensor.Zeros([2, 1]), nothing, 0), Model(network), new SeededNoise(1, 2)).Estimate;
        Assert.InRange((found - expected).Abs().Max().Item(), 0, 1e-5);
    }

    [Fact]
    public void Guidance_is_the_extrapolation_from_no_class_to_the_class_and_classes_out_of_range_are_refused()
    {
        using var scope = new Scope();
        using var network = InvFussionTests.Network(new() { NumClasses = 5 });
        using var h = new Identity(_shape);
        var (model, noise) = (Model(network), new SeededNoise(1));
        var (x, y) = (noise.Normal(_shape.Batch(1)), noise.Normal(_shape.Batch(1)));
        Tensor Denoise(ConditionalDenoiser conditional) => conditional.Given(y, h, 0.1).Denoise(x, 0.7);
        var (none, one, two) = (Denoise(model), Denoise(model.WithClass(3)), Denoise(model.WithClass(3, 2)));
        Assert.InRange((two - (one * 2 - none)).Abs().Max().Item(), 0, 1e-4);
        Assert.True((one - none).Abs().Max().Item() > 1e-3);
        Assert.Contains("class labels go from 0 to 3, found 4", Assert.Throws<ArgumentException>(() => model.WithClass(4)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_measurement_of_another_family_or_noise_than_the_card_names_is_called_out_of_distribution()
    {
        var trained = new TrainedDegradations(["motion-blur", "zero"], 0.1);
        using var known = OperatorFamilies.MotionBlur.Draw(_shape, 1).Bind("motion-blur:seed=1");
        using var foreign = OperatorFamilies.BoxOutpainting.Draw(_shape, 1).Bind("box-outpaint:seed=1");
        Assert.Null(trained.Warning(known, 0.2));
        Assert.Equal("out of distribution: the model was trained on motion-blur, zero, the operator is 'box-outpaint:seed=1'", trained.Warning(foreign, 0.2));
        Assert.Equal("out of distribution: the model was trained on measurements with noise of sigma 0.1, this one has 0", trained.Warning(known, 0));
    }

    private static NetworkConditionalDenoiser Model(HditNetwork network) => new(network, new EdmPreconditioning(), (0.002, 160), (16, 16));

    private sealed class ExactPosterior : ConditionalDenoiser
    {
        public override long? Channels => 1;

        public override (double Min, double Max) SigmaRange => (0.002, 160);

        public override Denoiser Given(Tensor y, LinearOperator h, double sigma) => new Exact(y, sigma);

        private sealed class Exact(Tensor y, double sigmaY) : Denoiser
        {
            public override long? Channels => 1;

            public override (double Min, double Max) SigmaRange => (0.002, 160);

            public override Tensor Denoise(Tensor x, double sigma)
            {
                var precision = 1 + 1 / (sigmaY * sigmaY) + 1 / (sigma * sigma);
                return (y * (1 / (sigmaY * sigmaY)) + x * (1 / (sigma * sigma))) * (1 / precision);
            }
        }
    }
}
