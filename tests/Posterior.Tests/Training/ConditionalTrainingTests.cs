using Posterior.Diffusion;
using Posterior.Imaging;
using Posterior.Operators;
using Posterior.Solvers;
using Posterior.Torch;
using Posterior.Training;

namespace Posterior.Tests.Training;

public sealed class ConditionalTrainingTests
{
    [Theory]
    [InlineData("invfussion")]
    [InlineData("palette")]
    public void Training_lowers_the_loss_and_the_posterior_mean_follows_the_measurement(string task)
    {
        using var objective = Create(task, new() { ["families"] = "motion-blur", ["uncertainty"] = "no" });
        using var trainer = new Trainer(objective, Discs(), new TrainingSettings { Images = 2400, Batch = 16, Crop = 16, WarmUp = 320, LearningRate = 3e-3, Seed = 3 });
        var losses = new List<double>();
        trainer.Run(new Reporter<TrainingStep>(step => losses.Add(step.Loss)));
        Assert.True(losses.TakeLast(30).Average() < 0.7 * losses.Take(10).Average(), $"{losses.Take(10).Average()} to {losses.TakeLast(30).Average()}");

        // With the measurement of the image the mean is nearer to it than with that of another image.
        var own = trainer.WithAverage(() => objective.Quality(Discs()));
        var conditional = ((ConditionalObjective)objective).Denoiser;
        using var scope = new Scope();
        var clean = Tensor.Cat([.. Enumerable.Range(0, 8).Select(i => Discs().Centre(i, 16))]);
        using var h = OperatorBatch.Of([.. Enumerable.Range(0, 8).Select(i => OperatorFamilies.MotionBlur.Draw(new(3, 16, 16), (ulong)i))]);
        var (right, wrong) = trainer.WithAverage(() => (Error(h.Apply(clean)), Error(h.Apply(clean.Flip(0)))));
        Assert.True(right < 0.5 * wrong, $"{right} and {wrong}");
        Assert.True(own > 12, $"{own} dB");

        double Error(Tensor y) => (conditional.Given(h, y).Denoise(new SeededNoise(0, 1, 2, 3, 4, 5, 6, 7).NormalLike(clean) * 100, 100) - clean).Square().Mean().Item();
    }

    [Fact]
    public void Trained_directions_are_orthogonal_and_hold_more_of_the_error_than_random_ones()
    {
        using var objective = Create("nppc", new() { ["directions"] = "3", ["grace"] = "100" });
        using var trainer = new Trainer(objective, Discs(), new TrainingSettings { Images = 2400, Batch = 16, Crop = 16, WarmUp = 320, LearningRate = 3e-3, Seed = 3 });
        var before = trainer.WithAverage(() => objective.Quality(Discs()));
        trainer.Run();
        var after = trainer.WithAverage(() => objective.Quality(Discs()));
        // Three random directions of 768 hold 0.4 percent.
        Assert.True(after > 5 * before && after > 0.1, $"{before} to {after}");

        using var scope = new Scope();
        var model = ((ComponentsObjective)objective).Model;
        using var h = OperatorFamilies.BoxInpainting.Draw(new(3, 16, 16), 4).Bind("box-inpaint:seed=4");
        var clean = Discs().Centre(3, 16);
        var result = new Nppc().Restore(new Measurement<LinearOperator>(h.Apply(clean), h, 0), model, new SeededNoise(1));
        var w = result.Components!.Directions.Flatten(2).Squeeze(0);
        var gram = w.MatMul(w.Transpose(0, 1));
        var lengths = result.Components.Deviations().Squeeze(0);
        Assert.InRange((gram / (lengths.Unsqueeze(0) * lengths.Unsqueeze(1)) - Tensor.Eye(3)).Abs().Max().Item(), 0, 1e-4);
        Assert.Equal(result.Estimate.ToArray<float>(), result.Components.Walk(1, 0)[0].ToArray<float>());
        Assert.InRange(((result.Components.Walk(1, 2)[0] - result.Estimate).Norm() / lengths.Select(0, 1)).Item(), 1.999, 2.001);

        // What was measured without noise is certain.
        Assert.InRange((h.Apply(result.Estimate) - h.Apply(clean)).Abs().Max().Item(), 0, 1e-6);
        Assert.InRange(h.Apply(result.Components.Directions.Squeeze(0)).Abs().Max().Item(), 0, 1e-6);
        var raw = (new Nppc { FinalProjection = false }).Restore(new Measurement<LinearOperator>(h.Apply(clean), h, 0), model, new SeededNoise(1)).Components!;
        Assert.True(h.Apply(raw.Directions.Squeeze(0)).Abs().Max().Item() > 1e-3);
    }

    [Fact]
    public void Components_given_a_measurement_span_the_part_of_their_distribution_that_was_not_measured()
    {
        using var scope = new Scope();
        var shape = new ImageShape(1, 8, 6);
        using var h = new BlockAverage(shape, 2) { DType = DType.Float64 };
        var directions = PrincipalComponents.Orthogonalise(new SeededNoise(1, 2).Normal([2, 3, 1, 8, 6], DType.Float64));
        var components = new PrincipalComponents(new SeededNoise(3, 4).Normal(shape.Batch(2), DType.Float64), directions);
        var y = new SeededNoise(5, 6).Normal([2, 1, 4, 3], DType.Float64);
        var given = components.Given(h, y);
        Assert.Equal(0, (h.Apply(given.Mean) - y).Abs().Max().Item(), 1e-12);
        // The covariances agree: P W^T W P.
        var unseen = (directions - h.PseudoInverse(h.Apply(directions.Flatten(0, 1))).Reshape(directions.Shape)).Flatten(2);
        var w = given.Directions.Flatten(2);
        Assert.Equal(0, (w.Transpose(1, 2).MatMul(w) - unseen.Transpose(1, 2).MatMul(unseen)).Abs().Max().Item(), 1e-12);
        var lengths = given.Deviations();
        Assert.Equal(0, (w.MatMul(w.Transpose(1, 2)) - (lengths.Square().Unsqueeze(2) * Tensor.Eye(3, DType.Float64))).Abs().Max().Item(), 1e-12);
        Assert.True((lengths.Narrow(1, 0, 2) - lengths.Narrow(1, 1, 2)).Min().Item() > 0);
    }

    [Fact]
    public void Baseline_Palette_and_InvFussion_see_the_same_images_noise_and_operators()
    {
        using var scope = new Scope();
        var batch = Batch(6);
        var measurements = new RandomMeasurements(OperatorFamilies.All, 0.1);
        using var first = measurements.Operators(batch);
        using var second = measurements.Operators(batch);
        Assert.Equal(measurements.Measure(first, batch).Y.ToArray<float>(), measurements.Measure(second, batch).Y.ToArray<float>());

        // Image 4 of a batch is image 0 of the batch that begins there.
        using var later = measurements.Operators(new TrainingBatch(batch.Clean.Narrow(0, 4, 2), batch.Labels[4..], batch.Seed, batch.First + 4));
        var (all, tail) = (first.PseudoInverse(first.Apply(batch.Clean)), later.PseudoInverse(later.Apply(batch.Clean.Narrow(0, 4, 2))));
        Assert.InRange((all.Narrow(0, 4, 2) - tail).Abs().Max().Item(), 0, 1e-5);
    }

    [Fact]
    public void Learned_uncertainty_starts_as_the_plain_loss_and_its_optimum_is_the_loss_of_a_level()
    {
        using var scope = new Scope();
        using var uncertainty = new LearnedUncertainty(1);
        double[] sigmas = [0.01, 0.3, 5, 90];
        var losses = Tensor.From(new float[] { 0.9f, 0.5f, 0.2f, 0.1f }, 4);
        Assert.Equal(losses.ToArray<float>(), uncertainty.Weigh(losses, sigmas).ToArray<float>());
        var weight = uncertainty.Parameters.Single().Tensor;
        weight.RequiresGrad = true;
        using var optimiser = new Posterior.Torch.Optim.AdamW(uncertainty.Parameters) { LearningRate = 0.05 };
        for (var i = 0; i < 600; i++)
        {
            using var step = new Scope();
            uncertainty.Weigh(losses, sigmas).Mean().Backward();
            optimiser.Step(1);
        }
        Assert.InRange((uncertainty.LogVariance(sigmas).Exp() / losses - 1).Abs().Max().Item(), 0, 0.02);
    }

    [Fact]
    public void The_inverse_square_root_schedule_halves_the_rate_after_four_times_the_reference()
    {
        var settings = new TrainingSettings { Images = 1, Decay = LearningRateDecay.InverseSquareRoot, DecayAfter = 1000, WarmUp = 0, LearningRate = 1 };
        Assert.Equal([1, 1, 0.5, 0.1], new[] { 0L, 1000, 4000, 100_000 }.Select(images => Math.Round(settings.LearningRateAfter(images), 9)));
    }

    [Fact]
    public void Wrong_settings_of_a_task_are_refused_in_one_line()
    {
        Assert.Contains("did you mean 'motion-blur'", Assert.Throws<TrainingException>(() => Create("palette", new() { ["families"] = "motionblur" })).Message, StringComparison.Ordinal);
        Assert.Equal("crop: expected a multiple of 8, found 20", Assert.Throws<TrainingException>(() => Create("invfussion", [], crop: 20)).Message);
        Assert.Equal("classes: the data have none", Assert.Throws<TrainingException>(() => Create("invfussion", new() { ["classes"] = "yes" })).Message);
    }

    internal static TrainingObjective Create(string task, Dictionary<string, string> settings, int crop = 16) =>
        TrainingTasks.Find(task).Create(new Dictionary<string, string>(settings) { ["network"] = "hdit-tiny" }).Create(new TrainingContext(0, crop, 1, DType.Float32));

    // Discs of random place and colours: a few numbers say what an image is.
    internal static TrainingImages Discs()
    {
        var images = new TrainingImages(3);
        for (var i = 0; i < 64; i++)
        {
            var random = new RandomStream(11, (ulong)i);
            var (row, column, radius) = (4 + 8 * random.Uniform(), 4 + 8 * random.Uniform(), 2 + 3 * random.Uniform());
            byte[] colours = [.. Enumerable.Range(0, 6).Select(_ => (byte)random.Below(256))];
            var pixels = new byte[3 * 256];
            for (var k = 0; k < pixels.Length; k++)
            {
                var (c, y, x) = (k / 256, k / 16 % 16, k % 16);
                pixels[k] = colours[c + ((y - row) * (y - row) + (x - column) * (x - column) < radius * radius ? 3 : 0)];
            }
            images.Add(pixels, 16, 16);
        }
        return images;
    }

    private static TrainingBatch Batch(int count)
    {
        var (clean, labels) = Discs().Crops(5, 20, count, 16);
        return new TrainingBatch(clean, labels, 5, 20);
    }
}
