using System.Text.Json;
using Posterior.Diffusion;
using Posterior.Imaging;
using Posterior.Operators;
using Posterior.Oracles;
using Posterior.Torch;

namespace Posterior.Tests.Operators;

/// <summary>Degradations by severity and their schedules, against the authors' code.</summary>
[Trait("Category", "Oracle")]
public sealed class SeverityOracleTests
{
    [SkippableTheory]
    [MemberData(nameof(OracleFiles.Rows), "", "degradation", MemberType = typeof(OracleFiles))]
    public void Degradation_matches_the_oracle(string row)
    {
        using var oracle = OracleFiles.Open(row);
        using var scope = new Scope();
        Assert.Equal("dirac_degradation", oracle.Spec.GetProperty("method").GetString());
        var process = Process(oracle);
        var (x, times, expected) = (oracle.Double("x"), oracle.Doubles("t"), oracle.Double("x_final"));
        for (var k = 0; k < times.Length; k++)
        {
            using var a = process.At(ImageShape.Of(x), times[k]);
            Assert.True(AdjointTest.Run(a).Holds, a.Name);
            foreach (var dtype in new[] { DType.Float64, DType.Float32 })
            {
                OraclePriors.Close(expected.Select(0, k), a.Apply(x.To(dtype)), dtype == DType.Float64 ? 1e-9 : oracle.Tolerance, $"t = {times[k]} {dtype}");
                OraclePriors.Close(expected.Select(0, k), process.Degrade(x.To(dtype), [.. Enumerable.Repeat(times[k], (int)x.Size(0))]), dtype == DType.Float64 ? 1e-9 : oracle.Tolerance, $"t = {times[k]} {dtype}, per image");
            }
            var severity = process.Schedule.At(times[k]);
            if (process.Degradation is BlurSeverity blur)
            {
                Assert.Equal(oracle.Doubles("std")[k], blur.Deviation(severity), 1e-12);
                var kernel = Tensor.From(blur.Kernel(severity).Taps.ToArray(), blur.Size);
                OraclePriors.Close(oracle.Double("kernel").Select(0, k), kernel.Unsqueeze(1) * kernel.Unsqueeze(0), 1e-9, "kernel");
            }
            if (process.Degradation is MaskSeverity mask) OraclePriors.Close(oracle.Double("mask").Select(0, k), mask.Mask(x.Size(2), x.Size(3), severity), 1e-9, "mask");
        }
    }

    [SkippableTheory]
    [MemberData(nameof(OracleFiles.Rows), "samplers-gradient", "schedule", MemberType = typeof(OracleFiles))]
    public void Schedule_matches_the_oracle(string row)
    {
        using var oracle = OracleFiles.Open(row);
        using var scope = new Scope();
        var method = oracle.Spec.GetProperty("method").GetString();
        switch (method)
        {
            case "dirac_noise_schedule":
                var noise = new GeometricNoise(oracle.Spec.GetProperty("sigma_min").GetDouble(), oracle.Spec.GetProperty("sigma_max").GetDouble());
                Assert.All(oracle.Doubles("t").Zip(oracle.Doubles("x_final")), pair => Assert.Equal(pair.Second, noise.Sigma(pair.First), 1e-14));
                break;
            case "dirac_greedy_schedule":
                Greedy(oracle);
                break;
            default:
                Assert.False(string.IsNullOrEmpty(method), $"{row}: the spec names no method");
                Skip.If(true, $"schedule '{method}' is not built");
                break;
        }
    }

    private static void Greedy(OracleFile oracle)
    {
        var (n, points) = (oracle.Spec.GetProperty("N").GetInt32(), oracle.Spec.GetProperty("m").GetInt32());
        var (values, distances) = (oracle.Doubles("M"), new double[n, n]);
        Buffer.BlockCopy(values, 0, distances, 0, values.Length * sizeof(double));
        var found = GreedySchedule.Of(distances, points);
        var first = oracle.Spec.TryGetProperty("index_base", out var origin) ? origin.GetInt32() : 0;
        Assert.Equal(oracle.Integers("x_final"), found.Indices.Select(index => (long)index + first));
        Assert.Equal(oracle.Integers("added_order"), found.Added.Select(index => (long)index + first));
        Assert.Equal(oracle.Doubles("max_gap_after_each"), found.Widest);
        Assert.True(found.Widest[^1] >= oracle.Doubles("optimal_max_gap")[0]);
        var schedule = found.Schedule(n);
        Assert.All(oracle.Doubles("schedule_t").Zip(schedule.Times), pair => Assert.Equal(pair.First, pair.Second, 1e-12));
        Assert.All(oracle.Doubles("schedule_severity").Zip(schedule.Severities), pair => Assert.Equal(pair.First, pair.Second, 1e-12));
    }

    /// <summary>The process that a spec's <c>degradation</c> describes.</summary>
    internal static SeverityProcess Process(OracleFile oracle) => Process(oracle, oracle.Spec.GetProperty("degradation"));

    /// <summary>The process of a description; a schedule from a file is in the oracle's tensors.</summary>
    internal static SeverityProcess Process(OracleFile oracle, JsonElement spec)
    {
        var type = spec.GetProperty("type").GetString();
        double Number(string name, double otherwise) => spec.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.Number ? value.GetDouble() : otherwise;
        switch (type, spec.TryGetProperty("mask_type", out var mask) ? mask.GetString() : null)
        {
            case ("gaussian_blur", _):
                var least = Number("min_std", 0.3);
                if (spec.GetProperty("scheduling").GetString() != "from_file") return new(new BlurSeverity(Number("max_std", 3), least, spec.GetProperty("kernel_size").GetInt32()));
                var deviations = oracle.Doubles("schedule_std");
                var most = deviations.Max();
                return new(new BlurSeverity(most, least, spec.GetProperty("kernel_size").GetInt32()), new(oracle.Doubles("schedule_t"), [.. deviations.Select(deviation => (deviation - least) / (most - least))]));
            case ("inpainting", "gaussian"):
                return new(new GaussianMaskSeverity(Number("mask_max_std", 50), Number("mask_min_std", 0.1), Number("mask_pow", 4)));
            case ("inpainting", "box"):
                return new(new BoxMaskSeverity(Number("box_size", 0)));
            default:
                Skip.If(true, $"degradation '{type}' is not built");
                throw new InvalidOperationException();
        }
    }
}
