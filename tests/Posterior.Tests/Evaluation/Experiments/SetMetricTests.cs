using Posterior.Evaluation.Experiments;
using Posterior.Imaging;
using Posterior.Metrics;
using Posterior.Models;
using Posterior.Networks.Features;
using Posterior.Operators;
using Posterior.Solvers;
using Posterior.Tests.Imaging;
using Posterior.Torch;

namespace Posterior.Tests.Evaluation.Experiments;

public sealed class SetMetricTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("fid", "inception", false, false)]
    [InlineData("kid", "inception", true, false)]
    [InlineData("c-fid", "inception", false, true)]
    [InlineData("frechet-thumb32", "thumb32", false, false)]
    [InlineData("kernel-mine", "mine", true, false)]
    [InlineData("c-frechet-mine", "mine", false, true)]
    public void Names_tell_the_network_and_the_distance(string name, string network, bool kernel, bool projected) =>
        Assert.Equal(new SetMetric(name, network, kernel, projected), SetMetric.TryParse(name));

    [Theory]
    [InlineData("psnr")]
    [InlineData("frechet-")]
    [InlineData("fid-x")]
    public void Other_names_are_no_metric_of_a_set(string name) => Assert.Null(SetMetric.TryParse(name));

    [Fact]
    public void Metrics_without_weights_are_left_out_with_where_to_get_them_and_unknown_networks_are_refused()
    {
        using var metrics = ExperimentMetrics.Load(["psnr", "fid", "c-fid"], []);
        Assert.Equal(["fid", "c-fid"], metrics.Missing);
        Assert.Contains("Inception-v3", ExperimentMetrics.Files("fid"), StringComparison.Ordinal);
        Assert.StartsWith("no network is called 'nothing': name its weights with --weights frechet-nothing=FILE", Assert.Throws<ArgumentException>(() => ExperimentMetrics.Load(["frechet-nothing"], [])).Message, StringComparison.Ordinal);
        Assert.Contains("found a photo-unet", Assert.Throws<ModelException>(() => ExperimentMetrics.Load(["frechet-x"], [$"x={ModelZoo.Find("photo")}"])).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Features_come_back_as_they_were_kept_and_a_cut_off_record_is_written_over()
    {
        var path = _folder["features.bin"];
        var (a, b) = (new string('a', 32), new string('b', 32));
        using var scope = new Scope();
        var log = new FeatureLog(path, 3);
        Assert.False(log.Has(a));
        log.Append(a, Tensor.From([1f, 2, 3], 1, 3));
        log.Append(b, Tensor.From([4f, 5, 6], 1, 3));
        using (var stream = new FileStream(path, FileMode.Open)) stream.SetLength(stream.Length - 5);
        log = new(path, 3);
        Assert.True(log.Has(a));
        Assert.False(log.Has(b));
        new FeatureLog(path, 3).Append(b, Tensor.From([7f, 8, 9], 1, 3));
        Assert.True(log.Has(b));
        Assert.Equal([7f, 8, 9, 1, 2, 3], log.Load([b, a]).ToArray<float>());
    }

    [Fact]
    public void Distances_of_an_experiment_are_those_of_its_images_and_the_originals_are_kept_by_content()
    {
        using var scope = new Scope();
        using var metrics = ExperimentMetrics.Load(["psnr", "frechet-x", "kernel-x", "c-frechet-x"], [$"frechet-x={Classifier()}"]);
        Assert.Equal(["psnr", "frechet-x", "kernel-x", "c-frechet-x"], metrics.Names);
        var set = Images(24);
        var experiment = ExperimentFile.Parse($$"""{name: t, dataset: "{{set}}", tasks: [sr4], methods: [pinv, bicubic], metrics: [psnr, frechet-x]}""");
        var features = new ExperimentFeatures(_folder.Path, metrics);
        using var images = new ExperimentImages(experiment.Dataset);
        var rows = new List<ResultRow>();
        var estimates = new List<Tensor>();
        for (var i = 0; i < images.Count; i++)
        {
            var (truth, content) = images.Load(i);
            using var h = new BlockAverage(ImageShape.Of(truth), 4);
            var measurement = new Measurement<LinearOperator>(h.Apply(ValueRange.ToSigned(truth)), h, 0);
            var estimate = ValueRange.ToSigned(truth) * 0.5;
            estimates.Add(ValueRange.ToUnit(estimate));
            Assert.False(features.Has(content[..32]));
            features.Take(content[..32], estimates[i], estimate, measurement);
            Assert.True(features.Has(content[..32]));
            rows.Add(new() { Key = content[..32], Image = images.Name(i), Task = "sr4", Method = "pinv", Metrics = new Dictionary<string, double>() });
        }
        var cache = _folder["cache"];
        var results = features.Evaluate(experiment, rows, cache);
        Assert.Equal(["frechet-x", "kernel-x", "c-frechet-x"], results.Select(result => result.Metric));

        // The same by hand.
        var network = metrics.Networks["x"].Features;
        var truths = Tensor.Cat([.. Enumerable.Range(0, images.Count).Select(i => images.Load(i).Image)], 0);
        using var reference = FeatureStatistics.Of(network.Of(truths));
        using var own = FeatureStatistics.Of(network.Of(Tensor.Cat([.. estimates], 0)));
        Assert.Equal(own.FrechetDistance(reference), results[0].Value, 4 * 1e-6 + 1e-4 * results[0].Value);
        Assert.Equal(1000 * KernelDistance.Of(network.Of(Tensor.Cat([.. estimates], 0)), network.Of(truths)), results[1].Value, 1e-3 * Math.Abs(results[1].Value) + 1e-6);
        Assert.True(results[2].Value < results[0].Value, "back projection brings what was measured back");
        Assert.Equal((24L, 32 - 23L), (results[0].Vectors, results[0].RankDeficit));
        Assert.All(results, result => Assert.True(result.StandardError > 0));

        // A second time from the cache, which is one file; other weights or another cut would be another.
        var file = Assert.Single(Directory.GetFiles(cache));
        var stamp = File.GetLastWriteTimeUtc(file);
        Same(results, features.Evaluate(experiment, rows, cache));
        Assert.Equal(stamp, File.GetLastWriteTimeUtc(file));
        File.WriteAllText(file, "damaged");
        Same(results, features.Evaluate(experiment, rows, cache));

        static void Same(IReadOnlyList<SetResult> expected, IReadOnlyList<SetResult> found)
        {
            Assert.Equal(expected.Select(result => result with { Without = null }), found.Select(result => result with { Without = null }));
            Assert.Equal(expected.SelectMany(result => result.Without!), found.SelectMany(result => result.Without!));
        }
    }

    [Fact]
    public void Images_of_another_size_than_the_network_was_trained_for_are_refused()
    {
        using var scope = new Scope();
        using var metrics = ExperimentMetrics.Load(["frechet-x"], [$"x={Classifier()}"]);
        Assert.Contains("16x16, these are 32x32", Assert.Throws<ArgumentException>(() => metrics.Networks["x"].Features.Of(Tensor.Zeros([1, 3, 32, 32]))).Message, StringComparison.Ordinal);
        Assert.Equal([1, 32], metrics.Networks["x"].Features.Of(Tensor.Zeros([1, 1, 16, 16])).Shape.ToArray());
    }

    [Fact]
    public void Features_do_not_depend_on_the_batch_and_the_mean_of_statistics_agrees_with_double_precision()
    {
        using var scope = new Scope();
        var x = new SeededNoise(3).Normal([1, 400 * 96]).Reshape(400, 96) + 3;
        using var statistics = FeatureStatistics.Of(x);
        var exact = x.To(DType.Float64);
        var mean = exact.Mean([0]);
        var covariance = (exact - mean).Transpose(0, 1).MatMul(exact - mean) / 399;
        Assert.True((statistics.Mean - mean).Norm().Item() <= 1e-6 * mean.Norm().Item());
        Assert.True((statistics.Covariance - covariance).Norm().Item() <= 1e-6 * covariance.Norm().Item());
        using var metrics = ExperimentMetrics.Load(["frechet-x"], [$"x={Classifier()}"]);
        var network = metrics.Networks["x"].Features;
        var images = new SeededNoise(4).Normal([1, 5 * 3 * 256]).Reshape(5, 3, 16, 16).Sigmoid();
        var alone = Tensor.Cat([.. Enumerable.Range(0, 5).Select(i => network.Of(images.Narrow(0, i, 1)))], 0);
        Assert.True((network.Of(images) - alone).Abs().Max().Item() < 1e-4 * alone.Abs().Max().Item());
    }

    private string Classifier()
    {
        var path = _folder["classifier.safetensors"];
        if (File.Exists(path)) return path;
        using var network = new ResidualClassifier(new() { Classes = 4, Widths = [16, 32], Blocks = [1, 1] });
        network.Initialise(new SeededNoise(1));
        ModelExport.Write(path, network, new ModelCard { NativeSize = 16, Network = NetworkCatalogue.ImageClassifier }, DType.Float32);
        return path;
    }

    private string Images(int count)
    {
        var folder = Directory.CreateDirectory(_folder["set"]).FullName;
        for (var i = 0; i < count; i++)
        {
            using var scope = new Scope();
            ImageFile.Save(Path.Combine(folder, $"{i:00}.png"), new SeededNoise((ulong)i).Normal([1, 3, 4, 4]).UpsampleBilinear(16, 16).Sigmoid());
        }
        return folder;
    }
}
