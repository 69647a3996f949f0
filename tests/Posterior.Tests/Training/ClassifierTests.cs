using Posterior.Models;
using Posterior.Networks.Features;
using Posterior.Tests.Imaging;
using Posterior.Torch;
using Posterior.Training;

namespace Posterior.Tests.Training;

public sealed class ClassifierTests
{
    [Fact]
    public void Training_tells_classes_apart_and_what_is_exported_is_recognised_and_gives_the_same_features()
    {
        using var folder = new TemporaryFolder();
        using var network = new ResidualClassifier(new() { Classes = 3, Widths = [16, 32], Blocks = [1, 1] });
        network.Initialise(new SeededNoise(1));
        var objective = new ClassifierObjective(network) { Shift = 2 };
        using var trainer = new Trainer(objective, Images(60), new TrainingSettings { Images = 1500, Batch = 15, Crop = 16, WarmUp = 150, LearningRate = 3e-3, Seed = 2 });
        var heldOut = Images(30);
        var before = trainer.WithAverage(() => objective.Quality(heldOut));
        trainer.Run();
        var after = trainer.WithAverage(() => objective.Quality(heldOut));
        Assert.True(after > 90, $"accuracy {before}% before, {after}% after");

        var path = folder["model.safetensors"];
        ModelExport.Write(path, network, objective.Describe(new ModelCard()), DType.Float32);
        using var loaded = Model.LoadImageClassifier(path);
        Assert.Equal([16, 32], loaded.Network.Settings.Widths);
        Assert.Equal((3, 2, 3), (loaded.Network.Settings.Classes, loaded.Network.Settings.Patch, loaded.Network.Settings.ImageChannels));
        using var scope = new Scope();
        using var noGrad = new NoGrad();
        var x = new SeededNoise(7).Normal([1, 3, 16, 16]);
        Assert.Equal(network.Features(x).ToArray<float>(), loaded.Network.Features(x).ToArray<float>());
        Assert.Contains("expected a model that restores images", Assert.Throws<ModelException>(() => Model.Load(path)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void The_loss_is_the_cross_entropy_with_smoothed_labels()
    {
        using var scope = new Scope();
        using var network = new ResidualClassifier(new() { Classes = 4, Widths = [16], Blocks = [1] });
        network.Initialise(new SeededNoise(1));
        var objective = new ClassifierObjective(network) { Shift = 0, LabelSmoothing = 0.2 };
        var x = new SeededNoise([1, 2]).Normal([2, 3, 8, 8]);
        var loss = objective.Loss(new TrainingBatch(x, [3, 1], 0, 0)).ToArray<float>();
        var p = network.Forward(x).Softmax(1).ToArray<float>();
        foreach (var (i, label) in new[] { (0, 3), (1, 1) })
        {
            // Weight 0.8 on the label and 0.05 on each of the four classes.
            var expected = -Enumerable.Range(0, 4).Sum(k => ((k == label ? 0.8 : 0) + 0.05) * Math.Log(p[4 * i + k]));
            Assert.Equal(expected, loss[i], 4);
        }
        Assert.Throws<TrainingException>(() => objective.Loss(new TrainingBatch(x, [3, -1], 0, 0)));
    }

    [Fact]
    public void A_shift_depends_on_the_image_number_alone_and_moves_by_no_more_than_it_may()
    {
        using var scope = new Scope();
        using var network = new ResidualClassifier(new() { Classes = 2, Widths = [16], Blocks = [1] });
        network.Initialise(new SeededNoise(1));
        var objective = new ClassifierObjective(network) { Shift = 3 };
        var x = new SeededNoise([1, 2, 3]).Normal([3, 3, 8, 8]);
        var all = objective.Loss(new TrainingBatch(x, [0, 1, 0], 5, 10)).ToArray<float>();
        var last = objective.Loss(new TrainingBatch(x.Narrow(0, 2, 1), [0], 5, 12)).ToArray<float>();
        Assert.Equal(all[2], last[0], 4);
        // The third image stands in one of the 49 places that a shift of up to 3 pixels allows.
        var still = new ClassifierObjective(network) { Shift = 0 };
        var padded = x.Narrow(0, 2, 1).Pad([3, 3, 3, 3], "reflect");
        var places = from v in Enumerable.Range(0, 7) from h in Enumerable.Range(0, 7) select still.Loss(new TrainingBatch(padded.Narrow(2, v, 8).Narrow(3, h, 8).Contiguous(), [0], 5, 12)).ToArray<float>()[0];
        Assert.Contains(places, loss => Math.Abs(loss - last[0]) < 1e-4);
        Assert.NotEqual(still.Loss(new TrainingBatch(x, [0, 1, 0], 5, 10)).ToArray<float>(), all);
    }

    [Theory]
    [InlineData(1, 32, "0.1", "4", "two or more classes")]
    [InlineData(4, 30, "0.1", "4", "multiple of 8")]
    [InlineData(4, 32, "1", "4", "label-smoothing")]
    [InlineData(4, 32, "0.1", "32", "shift")]
    public void What_cannot_be_learnt_is_refused(int classes, int crop, string smoothing, string shift, string expected)
    {
        var task = TrainingTasks.Find("classifier").Create(new Dictionary<string, string> { ["label-smoothing"] = smoothing, ["shift"] = shift });
        Assert.Contains(expected, Assert.Throws<TrainingException>(() => task.Create(new(classes, crop, 0, DType.Float32))).Message, StringComparison.Ordinal);
    }

    // Horizontal, vertical and no stripes, in random colours.
    private static TrainingImages Images(int count)
    {
        var images = new TrainingImages(3);
        for (var i = 0; i < count; i++)
        {
            var random = new RandomStream(9, (ulong)(i + 1000 * count));
            var (kind, phase, pixels) = (i % 3, random.Below(4), new byte[3 * 16 * 16]);
            for (var c = 0; c < 3; c++)
            {
                var (dark, bright) = (random.Below(100), 120 + random.Below(130));
                for (var p = 0; p < 256; p++) pixels[c * 256 + p] = (byte)(((kind == 0 ? p / 16 : kind == 1 ? p % 16 : 0) + phase) % 4 < 2 ? bright : dark);
            }
            images.Add(pixels, 16, 16, kind);
        }
        return images;
    }
}
