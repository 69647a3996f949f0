using Posterior.Diffusion;
using Posterior.Networks;
using Posterior.Torch;
using Posterior.Training;

namespace Posterior.Tests.Training;

public sealed class TrainerTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("posterior-training-").FullName;

    private readonly List<TrainingObjective> _objectives = [];

    public void Dispose()
    {
        Directory.Delete(_folder, recursive: true);
        foreach (var objective in _objectives) objective.Dispose();
    }

    [Fact]
    public void A_resumed_training_equals_an_uninterrupted_one_bit_for_bit()
    {
        using var whole = Trainer(images: 48);
        whole.Run();

        using var first = Trainer(images: 48);
        using var stop = new CancellationTokenSource();
        first.Run(new Reporter<TrainingStep>(step => { if (step.ImagesSeen >= 24) stop.Cancel(); }), stop.Token);
        Assert.Equal(24, first.ImagesSeen);
        var path = Path.Combine(_folder, "checkpoint.safetensors");
        TrainingCheckpoint.Save(first, path);

        using var second = Trainer(images: 48);
        TrainingCheckpoint.Load(second, path);
        second.Run();
        foreach (var ((name, expected), (_, actual)) in whole.Network.NamedParameters.Zip(second.Network.NamedParameters))
            Assert.True(expected.ToArray<float>().AsSpan().SequenceEqual(actual.ToArray<float>()), name);
        foreach (var ((name, expected), (_, actual)) in whole.Average.State.Zip(second.Average.State))
            Assert.True(expected.ToArray<float>().AsSpan().SequenceEqual(actual.ToArray<float>()), name);
    }

    [Fact]
    public void Training_lowers_the_error_of_the_denoiser_below_that_of_a_constant_guess()
    {
        using var trainer = Trainer(images: 3000);
        trainer.Run();
        var denoiser = ((PriorObjective)trainer.Objective).Denoiser;
        using var scope = new Scope();
        var (clean, _) = Stripes().Crops(99, 0, 16, 16);
        var noisy = clean.AddScaled(new SeededNoise(Enumerable.Range(0, 16).Select(i => (ulong)i).ToArray()).NormalLike(clean), 0.5);
        var error = trainer.WithAverage(() => (denoiser.Denoise(noisy, 0.5) - clean).Square().Mean().Item());
        Assert.True(error < 0.5 * 0.25, $"mean squared error {error} at noise of variance 0.25");
    }

    [Fact]
    public void A_checkpoint_of_another_network_is_refused_by_name()
    {
        using var trainer = Trainer(images: 8);
        var path = Path.Combine(_folder, "checkpoint.safetensors");
        TrainingCheckpoint.Save(trainer, path);
        using var other = new Trainer(Own(new PhotoUNet(Small with { Widths = [8, 24] })), Stripes(), new TrainingSettings { Images = 8, Crop = 16 });
        var error = Assert.ThrowsAny<Exception>(() => TrainingCheckpoint.Load(other, path));
        Assert.Contains("weights.", error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', error.Message);
    }

    [Fact]
    public void All_wrong_settings_are_named_at_once()
    {
        var error = Assert.Throws<ArgumentException>(() => new Trainer(Own(new PhotoUNet(Small)), Stripes(), new TrainingSettings { Images = 0, Batch = -1, Crop = 500 }));
        Assert.Contains("images", error.Message, StringComparison.Ordinal);
        Assert.Contains("batch", error.Message, StringComparison.Ordinal);
        Assert.Contains("crop", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void An_unknown_task_and_an_unknown_setting_are_refused_with_what_there_is()
    {
        Assert.StartsWith("no task is called 'proir', did you mean 'prior'?", Assert.Throws<TrainingException>(() => TrainingTasks.Find("proir")).Message, StringComparison.Ordinal);
        var entry = TrainingTasks.Find("prior");
        Assert.Contains("no setting log-sgima, did you mean 'log-sigma'?", Assert.Throws<TrainingException>(() => entry.Create(new Dictionary<string, string> { ["log-sgima"] = "1" })).Message, StringComparison.Ordinal);
        Assert.Equal("task 'prior': label-dropout is 'much', expected a number", Assert.Throws<TrainingException>(() => entry.Create(new Dictionary<string, string> { ["label-dropout"] = "much" })).Message);
    }

    [Theory]
    [InlineData("prior", "uniform-share=2", "uniform-share: expected 0 to 1, found 2")]
    [InlineData("prior", "log-deviation=0", "log-deviation: expected a positive number, found 0")]
    [InlineData("prior", "log-sigma=NaN", "log-sigma: expected a finite number, found NaN")]
    [InlineData("invfussion", "uniform-share=-0.1", "uniform-share: expected 0 to 1, found -0.1")]
    [InlineData("nppc", "noise=-0.1", "noise: expected 0 to 1, found -0.1")]
    [InlineData("nppc", "second-moment=-1", "second-moment: expected 0 or more, found -1")]
    public void Numbers_that_are_no_distribution_are_refused_by_name(string task, string setting, string expected)
    {
        var (name, value) = (setting.Split('=')[0], setting.Split('=')[1]);
        var error = Assert.Throws<TrainingException>(() => TrainingTasks.Find(task).Create(new Dictionary<string, string> { [name] = value }).Create(new(0, 32, 1, DType.Float32)));
        Assert.Contains(expected, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Each_setting_of_a_task_changes_it_and_its_default_does_not()
    {
        foreach (var entry in TrainingTasks.All)
        {
            var plain = entry.Create(new Dictionary<string, string>());
            foreach (var setting in entry.Settings)
            {
                // Names and texts have their own tests.
                var other = setting.Kind switch
                {
                    SettingText.Whole => setting.Default == "30" ? "31" : "30",
                    SettingText.Number => setting.Default == "0.5" ? "0.25" : "0.5",
                    SettingText.Flag => setting.Default == "yes" ? "no" : "yes",
                    _ => null,
                };
                if (other is not null) Assert.NotEqual(plain, entry.Create(new Dictionary<string, string> { [setting.Name] = other }));
                if (setting.Default != "auto") Assert.Equal(plain, entry.Create(new Dictionary<string, string> { [setting.Name] = setting.Default }));
            }
        }
        Assert.Equal(new PriorTask { Noise = new() { LogMean = -0.5 } }, TrainingTasks.Find("prior").Create(new Dictionary<string, string> { ["log-sigma"] = "-0.5" }));
    }

    [Fact]
    public void A_crop_depends_on_its_number_alone()
    {
        using var scope = new Scope();
        var images = Stripes();
        var (all, _) = images.Crops(5, 0, 6, 16);
        var (tail, _) = images.Crops(5, 4, 2, 16);
        Assert.Equal(all.Narrow(0, 4, 2).ToArray<float>(), tail.ToArray<float>());
    }

    [Fact]
    public void Noise_levels_stay_in_their_range_and_reach_both_ends()
    {
        var levels = new NoiseLevels { Min = 0.01, Max = 100 };
        var drawn = Enumerable.Range(0, 20_000).Select(i =>
        {
            var random = new RandomStream(3, (ulong)i);
            return levels.Sample(ref random);
        }).ToArray();
        Assert.InRange(drawn.Min(), 0.01, 0.011);
        Assert.InRange(drawn.Max(), 90, 100);
        Assert.InRange(drawn.Count(level => level > 10) / 20_000.0, 0.05, 0.09);
    }

    private static PhotoUNetSettings Small => new() { Widths = [8, 16], Blocks = [1, 1], EmbeddingWidth = 16 };

    private Trainer Trainer(long images)
    {
        var network = new PhotoUNet(Small);
        network.Initialise(new SeededNoise(1));
        return new Trainer(Own(network), Stripes(), new TrainingSettings { Images = images, Batch = 8, Crop = 16, WarmUp = 64, LearningRate = 3e-3, Seed = 2 });
    }

    private PriorObjective Own(PhotoUNet network)
    {
        var objective = new PriorObjective(network, new EdmPreconditioning());
        _objectives.Add(objective);
        return objective;
    }

    internal static TrainingImages Stripes()
    {
        var images = new TrainingImages(3);
        for (var i = 0; i < 4; i++)
        {
            var pixels = new byte[3 * 24 * 20];
            for (var k = 0; k < pixels.Length; k++) pixels[k] = (byte)((k / 20 + i) / 4 % 2 == 0 ? 40 : 220);
            images.Add(pixels, 24, 20);
        }
        return images;
    }
}
