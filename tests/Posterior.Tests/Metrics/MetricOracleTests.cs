using System.Globalization;
using Posterior.Metrics;
using Posterior.Networks.Features;
using Posterior.Oracles;
using Posterior.Tests.Networks;
using Posterior.Torch;

namespace Posterior.Tests.Metrics;

public sealed class MetricOracleTests
{
    [SkippableTheory]
    [Trait("Category", "Oracle")]
    [MemberData(nameof(OracleFiles.Rows), "metrics", "metric", MemberType = typeof(OracleFiles))]
    public void Metrics_match_the_oracle(string row)
    {
        using var oracle = OracleFiles.Open(row);
        if (oracle.Names.Any(name => name.EndsWith(".features1", StringComparison.Ordinal)))
        {
            Distances(oracle);
            return;
        }
        if (oracle.Text("spec") is not null && oracle.Spec.TryGetProperty("arch", out var arch))
        {
            switch (arch.GetString())
            {
                case "lpips":
                    Perceptual(oracle);
                    return;
                case "inception_v3_fid":
                    Inception(oracle);
                    return;
            }
        }
        var sets = oracle.Names.Where(name => name.StartsWith("out.", StringComparison.Ordinal) && name.EndsWith(".psnr", StringComparison.Ordinal)).Select(name => name.Split('.')[1]).ToArray();
        Skip.If(sets.Length == 0, $"{row}: a metric that is not built yet");
        using var scope = new Scope();
        foreach (var set in sets)
        {
            var x = Tensor.From(oracle.Floats($"in.{set}.x"), oracle.Shape($"in.{set}.x"));
            var y = Tensor.From(oracle.Floats($"in.{set}.y"), oracle.Shape($"in.{set}.y"));
            // Metrics are for images in [0, 1].
            var range = oracle.Text("data_range") is { } text ? double.Parse(text, CultureInfo.InvariantCulture) : 1;
            (x, y) = (x * (1 / range), y * (1 / range));
            Check("mse", [.. new MeanSquaredError().Compare(x, y).Select(error => error * range * range)]);
            Check("psnr", new Psnr().Compare(x, y));
            Check("nmse_x_is_truth", new NormalisedMeanSquaredError().Compare(y, x));
            Check("ssim", new Ssim().Compare(x, y));
            Check("ssim_reflect_full", new Ssim(SsimVariant.ReflectFull).Compare(x, y));
            Check("ssim_zero_pad", new Ssim(SsimVariant.ZeroPad).Compare(x, y));
            Check("ssim_uniform7", new Ssim(SsimVariant.Uniform7).Compare(x, y));
            var map = new Ssim().Map(x.Narrow(0, 0, 1), y.Narrow(0, 0, 1));
            Assert.Equal(oracle.Shape($"out.{set}.ssim_map_valid"), map.Shape.ToArray());
            Check("ssim_map_valid", map.ToArray<double>());

            void Check(string output, double[] found)
            {
                var expected = oracle.Doubles($"out.{set}.{output}");
                Assert.Equal(expected.Length, found.Length);
                var limit = oracle.Tolerance * expected.Where(double.IsFinite).Select(Math.Abs).DefaultIfEmpty(0).Max();
                for (var i = 0; i < expected.Length; i++) Assert.True(expected[i] == found[i] || Math.Abs(expected[i] - found[i]) <= limit, $"{row}: {set}.{output}[{i}] is {found[i]:R}, expected {expected[i]:R}");
            }
        }
    }

    private static void Distances(OracleFile oracle)
    {
        foreach (var set in oracle.Names.Where(name => name.EndsWith(".features1", StringComparison.Ordinal)).Select(name => name.Split('.')[1]))
        {
            using var scope = new Scope();
            var (first, second) = (oracle.Tensor($"in.{set}.features1"), oracle.Tensor($"in.{set}.features2"));
            using var one = FeatureStatistics.Of(first);
            using var two = FeatureStatistics.Of(second);
            Near("mu1", one.Mean.ToArray<double>());
            Near("sigma1", one.Covariance.ToArray<double>());
            Near("mu2", two.Mean.ToArray<double>());
            Near("sigma2", two.Covariance.ToArray<double>());
            Near("fid", one.FrechetDistance(two));
            Near("fid", two.FrechetDistance(one));
            Near("kid_all", KernelDistance.Of(first, second));
            if (!oracle.Has($"in.{set}.kid_subset_indices1")) continue;
            var subsets = KernelDistance.OfSubsets(first, second, Rows($"in.{set}.kid_subset_indices1"), Rows($"in.{set}.kid_subset_indices2"));
            Near("kid_subsets", subsets);
            Near("kid_mean", subsets.Average());
            Near("kid_std_population", Math.Sqrt(subsets.Average(value => value * value) - subsets.Average() * subsets.Average()));

            void Near(string output, params double[] found)
            {
                // 1e-6 of max(1, |value|), as the file's metadata says.
                if (!oracle.Has($"out.{set}.{output}")) return;
                var expected = oracle.Doubles($"out.{set}.{output}");
                Assert.Equal(expected.Length, found.Length);
                for (var i = 0; i < expected.Length; i++)
                    Assert.True(Math.Abs(expected[i] - found[i]) <= 1e-6 * Math.Max(1, Math.Abs(expected[i])), $"{oracle.Name}: {set}.{output}[{i}] is {found[i]:R}, expected {expected[i]:R}");
            }
        }

        IReadOnlyList<long[]> Rows(string name)
        {
            var (values, shape) = (oracle.Integers(name), oracle.Shape(name));
            return [.. Enumerable.Range(0, (int)shape[0]).Select(i => values.AsSpan((int)(i * shape[1]), (int)shape[1]).ToArray())];
        }
    }

    private static void Perceptual(OracleFile oracle)
    {
        using var scope = new Scope();
        var backbone = oracle.Spec.GetProperty("net").GetString() switch
        {
            "alex" => PerceptualBackbone.Alex(),
            "vgg" => PerceptualBackbone.Vgg(),
            var net => net == "squeeze" ? PerceptualBackbone.Squeeze() : throw new InvalidDataException($"unknown backbone '{net}'"),
        };
        Assert.Equal(oracle.Json("backbone_keys").EnumerateObject().Select(key => key.Name).Order(StringComparer.Ordinal), backbone.NamedTensors.Select(pair => pair.Name).Order(StringComparer.Ordinal));
        RecipeWeights.Fill(backbone, oracle.Text("recipe_prefix")!);
        using var lpips = new Lpips(backbone, oracle.LoadWeights());
        var (a, b) = (oracle.Tensor("in.x0"), oracle.Tensor("in.x1"));
        oracle.Close("out.distance", lpips.Distance(a, b));
        oracle.Close("out.spatial", lpips.Map(a, b));
        oracle.Close("out.per_layer", Tensor.Cat([.. lpips.Layers(a, b).Select(layer => layer.Mean([2, 3]))], 1));
        Assert.Equal(oracle.Tensor("out.distance").Flatten().ToArray<float>().Select(value => (double)value), lpips.Compare((a + 1) / 2, (b + 1) / 2), (x, y) => Math.Abs(x - y) < 1e-4 * Math.Abs(x));

        // In double precision: a pooled pair of SqueezeNet's differs by less than float32's rounding, whose order hangs on the number of threads, and the gradient on the choice.
        backbone.To(DType.Float64);
        var x = a.To(DType.Float64);
        x.RequiresGrad = true;
        var gradient = Tensor.Gradients(lpips.Distance(x, b.To(DType.Float64)).Sum(), null, [x])[0]!;
        var expected = oracle.Tensor("grad.x0");
        Assert.True((gradient - expected).Norm().Item() <= 5e-3 * expected.Norm().Item(), oracle.Name);
    }

    private static void Inception(OracleFile oracle)
    {
        using var scope = new Scope();
        using var noGrad = new NoGrad();
        using var network = new InceptionV3();
        var published = oracle.Json("state_dict").EnumerateObject().Select(key => key.Name).Where(key => !InceptionV3.IsUnused(key));
        Assert.Equal(published.Order(StringComparer.Ordinal), network.NamedTensors.Select(pair => pair.Name).Order(StringComparer.Ordinal));
        RecipeWeights.Fill(network, oracle.Text("recipe_prefix")!);
        var taps = 0;
        var resized = oracle.Tensor("in.x").UpsampleBilinear(299, 299) * 2 - 1;
        oracle.Close("out.pool3", network.Forward(resized, tapped => oracle.Close($"mid.block{taps++}_mean", tapped.Mean([2, 3]))));
        Assert.Equal(3, taps);
        oracle.Close("out.pool3_noresize", network.Forward(oracle.Tensor("in.x_noresize") * 2 - 1));
        oracle.Close("out.pool3", new InceptionFeatures(network).Of(oracle.Tensor("in.x")));
    }
}
