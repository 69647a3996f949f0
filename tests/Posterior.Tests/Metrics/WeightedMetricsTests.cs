using Posterior.Evaluation.Experiments;
using Posterior.Metrics;
using Posterior.Networks.Features;
using Posterior.Tests.Imaging;
using Posterior.Torch;
using Posterior.Torch.Nn;
using Posterior.Torch.Weights;

namespace Posterior.Tests.Metrics;

public sealed class WeightedMetricsTests
{
    [Fact]
    public void Files_of_backbone_and_linear_layers_are_read_together_and_classifiers_are_passed_over()
    {
        using var folder = new TemporaryFolder();
        using var scope = new Scope();
        var backbone = PerceptualBackbone.Squeeze();
        RecipeWeights.Fill(backbone, "test/");
        var linear = backbone.Widths.Select((width, k) => ($"lin{k}.model.1.weight", Tensor.Full([1, width, 1, 1], 0.5 / (k + 1)))).ToArray();
        SafetensorsWriter.Write(folder["backbone.safetensors"], [.. backbone.NamedTensors, ("classifier.1.bias", Tensor.Zeros([10]))]);
        SafetensorsWriter.Write(folder["linear.safetensors"], linear);
        using var direct = new Lpips(backbone, linear.ToDictionary(pair => pair.Item1, pair => pair.Item2));
        var noise = new SeededNoise([1, 2]);
        var (a, b) = (noise.Normal([2, 3, 40, 36]).Sigmoid(), noise.Normal([2, 3, 40, 36]).Sigmoid());
        using var metrics = ExperimentMetrics.Load(["psnr", "lpips-squeeze", "lpips-vgg"], [$"lpips-squeeze={folder["backbone.safetensors"]}", $"lpips-squeeze={folder["linear.safetensors"]}"]);
        Assert.Equal(["psnr", "lpips-squeeze"], metrics.Loaded.Select(metric => metric.Name));
        Assert.Equal(["lpips-vgg"], metrics.Missing);
        Assert.Equal(direct.Compare(a, b), metrics.Loaded[1].Compare(a, b));
        Assert.Equal([0.0, 0], direct.Compare(a, a));
        Assert.All(direct.Compare(a, b), distance => Assert.True(distance > 0));
    }

    [Theory]
    [InlineData("alex", 31)]
    [InlineData("vgg", 16)]
    [InlineData("squeeze", 17)]
    public void Images_too_small_for_the_poolings_are_refused_with_the_least_side(string name, long least)
    {
        using var scope = new Scope();
        using var noGrad = new NoGrad();
        var backbone = name == "alex" ? PerceptualBackbone.Alex() : name == "vgg" ? PerceptualBackbone.Vgg() : PerceptualBackbone.Squeeze();
        using var metric = new Lpips(backbone, backbone.Widths.Select((width, k) => (Name: $"lin{k}.model.1.weight", Weight: Tensor.Ones([1, width, 1, 1]))).ToDictionary(layer => layer.Name, layer => layer.Weight));
        Assert.Equal(least, backbone.LeastSide);
        metric.Compare(Tensor.Zeros([1, 3, least, least + 2]), Tensor.Zeros([1, 3, least, least + 2]));
        Assert.Throws<TorchException>(() => backbone.Forward(Tensor.Zeros([1, 3, least - 1, least - 1])));
        var small = Tensor.Zeros([1, 3, 40, least - 1]);
        Assert.Contains($"sides of {least} or more", Assert.Throws<ArgumentException>(() => metric.Compare(small, small)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Kept_features_of_an_original_give_what_new_ones_give_and_are_dropped_when_it_changes()
    {
        using var scope = new Scope();
        var noise = new SeededNoise([1, 2]);
        var (a, c, truth) = (noise.Normal([2, 3, 40, 36]).Sigmoid(), noise.Normal([2, 3, 40, 36]).Sigmoid(), noise.Normal([2, 3, 40, 36]).Sigmoid());
        using var metric = Metric();
        for (var round = 0; round < 2; round++)
        {
            Assert.Equal(Anew(a), metric.Compare(a, truth));
            Assert.Equal(Anew(c), metric.Compare(c, truth));
            Assert.Equal(Anew(c.Narrow(0, 0, 1)), metric.Compare(c.Narrow(0, 0, 1), truth.Narrow(0, 0, 1)));
            var before = metric.Compare(a, truth);
            truth.MultiplyInPlace(0.5);
            Assert.NotEqual(before, metric.Compare(a, truth));
        }

        double[] Anew(Tensor estimate)
        {
            using var other = Metric();
            return other.Compare(estimate, truth.Narrow(0, 0, estimate.Size(0)));
        }

        static Lpips Metric()
        {
            var backbone = PerceptualBackbone.Squeeze();
            RecipeWeights.Fill(backbone, "test/");
            return new Lpips(backbone, backbone.Widths.Select((width, k) => (k, Weight: Tensor.Full([1, width, 1, 1], 1))).ToDictionary(pair => $"lin{pair.k}.model.1.weight", pair => pair.Weight));
        }
    }

    [Fact]
    public void A_file_without_the_backbone_is_refused_by_key()
    {
        using var folder = new TemporaryFolder();
        SafetensorsWriter.Write(folder["linear.safetensors"], [("lin0.model.1.weight", Tensor.Zeros([1, 64, 1, 1]))]);
        Assert.Contains("features.0.weight", Assert.Throws<StateDictException>(() => WeightedMetrics.Load("lpips-alex", [folder["linear.safetensors"]])).Message, StringComparison.Ordinal);
        using var backbone = PerceptualBackbone.Squeeze();
        SafetensorsWriter.Write(folder["backbone.safetensors"], backbone.NamedTensors);
        Assert.Contains("lin0.model.1.weight", Assert.Throws<ArgumentException>(() => WeightedMetrics.Load("lpips-squeeze", [folder["backbone.safetensors"]])).Message, StringComparison.Ordinal);
    }
}
