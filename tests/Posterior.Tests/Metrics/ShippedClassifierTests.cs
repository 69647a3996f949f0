using Posterior.Evaluation.Experiments;
using Posterior.Imaging;
using Posterior.Metrics;
using Posterior.Models;
using Posterior.Tests.Documentation;
using Posterior.Torch;
using Xunit.Abstractions;

namespace Posterior.Tests.Metrics;

/// <summary>The shipped classifier on thumbnails that it never saw, where they are at hand.</summary>
public sealed class ShippedClassifierTests(ITestOutputHelper output)
{
    private static readonly ExperimentDataset _thumbnails = new() { Path = Path.Combine(Repository.Root, "../shared/data/thumbnails-eval.zip"), Shrink = 2 };

    [SkippableFact]
    public void It_tells_most_of_them_apart_and_its_distance_grows_with_blur_and_noise()
    {
        Skip.IfNot(File.Exists(_thumbnails.Path), "the archives of images are not here");
        Assert.True(FeatureNetwork.IsShipped(SetMetric.Thumbnails));
        using var scope = new Scope();
        using var noGrad = new NoGrad();
        using var images = new ExperimentImages(_thumbnails);
        using var classifier = Model.LoadImageClassifier("thumb32-classifier");
        var all = Tensor.Cat([.. Enumerable.Range(0, images.Count).Select(i => images.Load(i).Image)], 0);
        var found = new List<long>();
        for (var i = 0; i < images.Count; i += 100)
        {
            using var part = new Scope();
            found.AddRange(classifier.Network.Forward(ValueRange.ToSigned(all.Narrow(0, i, Math.Min(100, images.Count - i)))).Argmax(1).ToArray<long>());
        }
        var accuracy = 100.0 * found.Where((label, i) => label == images.Label(i)).Count() / images.Count;
        output.WriteLine(FormattableString.Invariant($"accuracy {accuracy:0.0}% of {images.Count}"));
        Assert.InRange(accuracy, 54, 75);

        var features = new ClassifierFeatures(classifier.Network, SetMetric.Thumbnails, 32);
        // The archive is in the order of classes.
        var (first, second) = (all.Slice(0, 0, images.Count, 4), all.Slice(0, 2, images.Count, 4));
        using var reference = FeatureStatistics.Of(features.Of(first));
        double Distance(Tensor of)
        {
            using var own = FeatureStatistics.Of(features.Of(of));
            return own.FrechetDistance(reference);
        }
        var noise = new SeededNoise([.. Enumerable.Range(0, (int)second.Size(0)).Select(i => (ulong)i)]).NormalLike(second);
        double[] noisy = [Distance(second), .. new[] { 0.05, 0.2 }.Select(sigma => Distance(second.AddScaled(noise, sigma).Clamp(0, 1)))];
        double[] blurred = [noisy[0], .. new long[] { 2, 8 }.Select(factor => Distance(second.AveragePool(factor, factor).UpsampleBilinear(32, 32)))];
        output.WriteLine(string.Join(", ", noisy.Concat(blurred).Select(value => FormattableString.Invariant($"{value:0.000}"))));
        Assert.Equal(noisy.Order(), noisy);
        Assert.Equal(blurred.Order(), blurred);
        Assert.True(Math.Min(noisy[1], blurred[1]) > 1.2 * noisy[0]);
    }

    [Theory]
    [InlineData(32, 32)]
    [InlineData(61, 45)]
    public void The_distance_of_its_activations_is_zero_for_equals_and_grows_with_noise(int height, int width)
    {
        using var scope = new Scope();
        using var metrics = ExperimentMetrics.Load(["features-thumb32"], []);
        var metric = Assert.Single(metrics.Loaded);
        Assert.Equal("features-thumb32", metric.Name);
        var image = (new SeededNoise(1, 2).NormalLike(Tensor.Zeros([2, 3, height / 4, width / 4])) * 0.2 + 0.5).UpsampleBilinear(height, width).Clamp(0, 1);
        Assert.All(metric.Compare(image, image), value => Assert.Equal(0, value));
        var noise = new SeededNoise(3, 4).NormalLike(image);
        double[] grown = [.. new[] { 0.01, 0.03, 0.1 }.Select(sigma => metric.Compare(image.AddScaled(noise, sigma), image).Min())];
        Assert.True(grown[0] > 0);
        Assert.Equal(grown.Order(), grown);
        // Each image is compared for itself.
        Assert.Equal(metric.Compare(image.AddScaled(noise, 0.1), image)[1], metric.Compare(image.AddScaled(noise, 0.1).Narrow(0, 1, 1), image.Narrow(0, 1, 1))[0], 1e-5);
        Assert.Throws<ArgumentException>(() => metric.Compare(image, image.Narrow(3, 0, width - 1)));
    }

    [Fact]
    public void A_distance_of_activations_names_a_classifier_that_is_known_or_given() =>
        Assert.Contains("--weights", Assert.Throws<ArgumentException>(() => ExperimentMetrics.Load(["features-nothing"], [])).Message, StringComparison.Ordinal);
}
