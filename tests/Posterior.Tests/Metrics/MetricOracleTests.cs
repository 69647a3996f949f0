using Posterior.Metrics;
using Posterior.Oracles;
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
        var sets = oracle.Names.Where(name => name.StartsWith("out.", StringComparison.Ordinal) && name.EndsWith(".psnr", StringComparison.Ordinal)).Select(name => name.Split('.')[1]).ToArray();
        Skip.If(sets.Length == 0, $"{row}: a metric that is not built yet");
        using var scope = new Scope();
        foreach (var set in sets)
        {
            var x = Tensor.From(oracle.Floats($"in.{set}.x"), oracle.Shape($"in.{set}.x"));
            var y = Tensor.From(oracle.Floats($"in.{set}.y"), oracle.Shape($"in.{set}.y"));
            Check("mse", new MeanSquaredError().Compare(x, y));
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
                var limit = oracle.Tolerance * expected.Max(Math.Abs);
                for (var i = 0; i < expected.Length; i++) Assert.True(Math.Abs(expected[i] - found[i]) <= limit, $"{row}: {set}.{output}[{i}] is {found[i]:R}, expected {expected[i]:R}");
            }
        }
    }
}
