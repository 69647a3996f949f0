using Posterior.Diffusion;
using Posterior.Imaging;
using Posterior.Models;
using Posterior.Operators;
using Posterior.Solvers;
using Posterior.Torch;
using Posterior.Training;

namespace Posterior.Tests.Training;

public sealed class RestorerTaskTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("posterior-restorer-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Theory]
    [InlineData("dncnn-tiny", "deblur-gauss", 0.02)]
    [InlineData("swinir-tiny", "sr2", 0.0)]
    [InlineData("drunet-tiny", "denoise", 0.1)]
    public void A_trained_restorer_is_exported_and_restores_better_than_the_picture_that_it_is_given(string network, string text, double sigma)
    {
        var task = TrainingTasks.Find("restorer").Create(new Dictionary<string, string> { ["network"] = network, ["operator"] = text, ["sigma"] = SettingText.Write(sigma), ["loss"] = "l2" });
        using var objective = task.Create(new(0, 16, 1, DType.Float32));
        using var run = new TrainingRun(_folder, objective, Checkers(), Settings(images: network.StartsWith("swinir", StringComparison.Ordinal) ? 1200 : 2400));
        run.Run();
        var path = Path.Combine(_folder, "model.safetensors");
        var card = run.Export(path, new ModelCard());
        Assert.Equal("restorer", card.Role);

        using var model = Model.Load(path);
        using var scope = new Scope();
        using var h = OperatorCatalog.Parse(text).Bind(new ImageShape(3, 24, 24));
        var (clean, _) = Checkers().Crops(99, 0, 8, 24);
        var measurement = Measurement<ForwardOperator>.Simulate(h, clean, new UnitSigma(sigma).Signed, new SeededNoise([.. Enumerable.Range(0, 8).Select(i => (ulong)i)]));
        var restored = new OneShot().RestoreAny(measurement, model.Predictor, new SeededNoise(1)).Estimate;
        var picture = RestorerPicture.Of(RestorerInput.Picture, 1, h, measurement.Data);
        var (error, before) = ((restored - clean).Square().Mean().Item(), (picture - clean).Square().Mean().Item());
        Assert.True(error < 0.6 * before, $"mean squared error {error}, of the picture {before}");
    }

    [Fact]
    public void A_trained_denoiser_is_a_prior_of_the_levels_that_it_was_trained_for()
    {
        var task = TrainingTasks.Find("denoiser").Create(new Dictionary<string, string> { ["network"] = "drunet-tiny", ["sigma-min"] = "0.1", ["sigma-max"] = "0.25" });
        using var objective = task.Create(new(0, 16, 1, DType.Float32));
        using var run = new TrainingRun(_folder, objective, Checkers(), Settings(images: 2400));
        run.Run();
        var path = Path.Combine(_folder, "model.safetensors");
        run.Export(path, new ModelCard());
        using var model = Model.Load(path);
        Assert.Equal((0.2, 0.5), model.Denoiser.SigmaRange);
        using var scope = new Scope();
        var (clean, _) = Checkers().Crops(99, 0, 8, 16);
        foreach (var sigma in new[] { 0.2, 0.35, 0.5 })
        {
            var noisy = clean.AddScaled(new SeededNoise([.. Enumerable.Range(0, 8).Select(i => (ulong)i)]).NormalLike(clean), sigma);
            var error = (model.Denoiser.Denoise(noisy, sigma) - clean).Square().Mean().Item();
            Assert.True(error < 0.7 * sigma * sigma, $"sigma {sigma}: mean squared error {error}");
        }
        Assert.True(new PnpAdmm().Accepts(model.Predictor));
    }

    [Theory]
    [InlineData("restorer", "network", "dncn", "no network is called 'dncn', did you mean 'dncnn'?")]
    [InlineData("restorer", "operator", "deblur-gaus", "operator: ")]
    [InlineData("restorer", "operator", "sr32", "operator: ")]
    [InlineData("restorer", "sigma", "-1", "sigma: expected 0 to 100")]
    [InlineData("denoiser", "sigma-max", "0", "noise levels: expected 0 <= sigma-min <= sigma-max")]
    public void A_task_that_makes_no_sense_is_refused_with_the_setting_named(string task, string setting, string value, string message)
    {
        var error = Assert.Throws<TrainingException>(() => TrainingTasks.Find(task).Create(new Dictionary<string, string> { [setting] = value }).Create(new(0, 16, 1, DType.Float32)));
        Assert.StartsWith(message, error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', error.Message);
    }

    [Fact]
    public void A_network_that_keeps_the_size_of_pictures_is_not_given_small_ones()
    {
        var settings = new Dictionary<string, string> { ["network"] = "dncnn-tiny", ["operator"] = "sr2", ["input"] = "measurement" };
        var error = Assert.Throws<TrainingException>(() => TrainingTasks.Find("restorer").Create(settings).Create(new(0, 16, 1, DType.Float32)));
        Assert.Contains("takes a picture of 3x16x16 for images of 3x16x16, operator 'sr2' gives 3x8x8", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(RestorerLoss.L1, 0.75)]
    [InlineData(RestorerLoss.L2, 0.625)]
    [InlineData(RestorerLoss.Charbonnier, 0.750001)]
    public void Losses_are_means_of_the_errors_of_each_image(RestorerLoss loss, double expected)
    {
        using var scope = new Scope();
        var error = Tensor.From([-0.5f, 1f, 0f, 0f], 2, 1, 1, 2);
        var found = loss.Of(error).ToArray<float>();
        Assert.Equal(expected, found[0], 5e-7);
        // The absolute value is blunt within a thousandth of zero.
        Assert.Equal(loss == RestorerLoss.Charbonnier ? 0.001 : 0, found[1], 1e-7);
    }

    private static TrainingSettings Settings(long images) => new() { Images = images, Batch = 8, Crop = 16, WarmUp = 64, LearningRate = 3e-3, Seed = 2, AverageExponent = 5 };

    private static TrainingImages Checkers()
    {
        var images = new TrainingImages(3);
        for (var i = 0; i < 26; i++)
        {
            var pixels = new byte[3 * 40 * 36];
            for (var k = 0; k < pixels.Length; k++) pixels[k] = (byte)((k / 36 / (3 + i % 4) + k % 36 / (3 + i / 4 % 4)) % 2 == 0 ? 50 : 200);
            images.Add(pixels, 40, 36);
        }
        return images;
    }
}
