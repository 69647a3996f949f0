using Posterior.Diffusion;
using Posterior.Imaging;
using Posterior.Networks;
using Posterior.Operators;
using Posterior.Solvers;
using Posterior.Torch;
using Posterior.Torch.Nn;

namespace Posterior.Tests.Solvers;

[Collection(LiveHandles.Name)]
public sealed class DgpTests
{
    private static readonly ImageShape _shape = new(1, 8, 8);

    // An image in the range of a linear generator, seen by twice as many numbers as the latent has: least squares have one solution, the image.
    [Fact]
    public void An_image_that_the_generator_can_make_is_found_from_a_quarter_of_its_pixels()
    {
        using var scope = new Scope();
        using var generator = new SmallGenerator(8);
        using var h = new BlockAverage(_shape, 2);
        var truth = generator.Generate(new SeededNoise(5).Normal([1, 8]));
        var solver = new Dgp(generator) { Candidates = 20, LatentSteps = 1500, WeightSteps = 0, LatentRate = 0.03 };
        var result = solver.Restore(new Measurement<LinearOperator>(h.Apply(truth), h, 0), Unused(), new SeededNoise(6));
        OraclePriors.Close(truth, result.Estimate, 1e-3, "image");
        Assert.Equal(0, result.Evaluations);
    }

    [Fact]
    public void Weights_explain_what_the_latent_cannot_and_are_put_back_afterwards()
    {
        using var scope = new Scope();
        using var generator = new SmallGenerator(4);
        using var h = new BlockAverage(_shape, 2);
        var before = generator.NamedTensors.Select(named => named.Tensor.Clone()).ToArray();
        var measurement = new Measurement<LinearOperator>(new SeededNoise(5).Normal([1, 1, 4, 4]) * 0.4, h, 0);
        double Misfit(Dgp solver) => (h.Apply(solver.Restore(measurement, Unused(), new SeededNoise(6)).Estimate) - measurement.Data).Norm().Item();
        var solver = new Dgp(generator) { Candidates = 20, LatentSteps = 300, WeightSteps = 0, LatentRate = 0.03 };
        var latentAlone = Misfit(solver);
        Assert.True(Misfit(solver with { WeightSteps = 300, WeightRate = 0.01 }) < 0.1 * latentAlone);
        Assert.All(generator.NamedTensors.Zip(before), pair => Assert.Equal(pair.Second.ToArray<float>(), pair.First.Tensor.ToArray<float>()));
        Assert.Equal(latentAlone, Misfit(solver));
    }

    [Fact]
    public void Each_image_of_a_batch_has_its_own_search_and_a_cancelled_one_leaves_the_weights_as_they_were()
    {
        using var scope = new Scope();
        using var generator = new SmallGenerator(4);
        using var h = new BlockAverage(_shape, 2);
        var y = new SeededNoise(1, 2).Normal([2, 1, 4, 4]) * 0.4;
        var solver = new Dgp(generator) { Candidates = 5, LatentSteps = 10, WeightSteps = 10 };
        var together = solver.Restore(new Measurement<LinearOperator>(y, h, 0), Unused(), new SeededNoise(5, 6)).Estimate;
        for (var i = 0; i < 2; i++)
        {
            var alone = solver.Restore(new Measurement<LinearOperator>(y.Narrow(0, i, 1), h, 0), Unused(), new SeededNoise((ulong)(5 + i))).Estimate;
            OraclePriors.Close(alone, together.Narrow(0, i, 1), 1e-5, "estimate");
        }

        var weight = generator.Parameters.First();
        var saved = weight.ToArray<float>();
        using var source = new CancellationTokenSource();
        var prior = Unused();
        var (before, steps) = (LiveHandles.Count(), 0);
        Assert.Throws<OperationCanceledException>(() => solver.Restore(new Measurement<LinearOperator>(y, h, 0), prior, new SeededNoise(5, 6), new Reporter<SolverStep>(_ =>
        {
            if (++steps == 15) source.Cancel();
        }), source.Token));
        Assert.Equal((15, before), (steps, LiveHandles.Count()));
        Assert.Equal(saved, weight.ToArray<float>());
        Assert.Contains("candidates is 0", Assert.Throws<SolverOptionsException>(() => new Dgp(generator) { Candidates = 0 }.Validate()).Message);
    }

    private static GaussianDenoiser Unused() => GaussianDenoiser.Isotropic(Tensor.Zeros(_shape.Batch(1)), 1);

    // One random linear layer: its images are a subspace.
    private sealed class SmallGenerator : Module, IGenerator
    {
        private readonly Linear _layer;
        private readonly int _size;

        public SmallGenerator(int size)
        {
            _size = size;
            _layer = Add("layer", new Linear(size, _shape.Height * _shape.Width));
            using var scope = new Scope();
            using var noGrad = new NoGrad();
            Parameters.First().CopyFrom(new SeededNoise(9).Normal([1, _shape.Height * _shape.Width, size]).Squeeze(0) * 0.3);
        }

        public IReadOnlyList<long> LatentShape => [_size];

        public Module Network => this;

        public Tensor Generate(Tensor latent) => _layer.Forward(latent).Reshape(_shape.Batch(latent.Size(0)));
    }
}
