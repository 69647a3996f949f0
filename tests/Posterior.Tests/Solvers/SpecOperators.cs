using System.Text.Json;
using Posterior.Imaging;
using Posterior.Operators;
using Posterior.Oracles;

namespace Posterior.Tests.Solvers;

/// <summary>The operators of the oracles' <c>spec.operator</c>.</summary>
internal static class SpecOperators
{
    public static SpectralOperator Operator(this OracleFile oracle)
    {
        var spec = oracle.Spec.GetProperty("operator");
        var image = spec.GetProperty("image").EnumerateArray().Select(size => size.GetInt64()).ToArray();
        var shape = new ImageShape(image[0], image[1], image[2]);
        double Threshold(string name) => spec.TryGetProperty(name, out var value) ? value.GetDouble() : 0;
        switch (spec.GetProperty("op").GetString())
        {
            case "identity":
                return new Identity(shape);
            case "inpainting":
                return new Inpainting(shape, oracle.Double("mask"));
            case "sr_average":
                return new BlockAverage(shape, spec.GetProperty("factor").GetInt32());
            case "colorization":
                return new Colorization(shape, [.. spec.GetProperty("weights").EnumerateArray().Select(weight => weight.GetDouble())]);
            case "hadamard_cs":
                return new HadamardSensing(shape, oracle.Integers("kept_rows"));
            case "dense" or "dense_per_channel":
                return new DenseMatrix(shape, oracle.Double("H"), spec.GetProperty("op").GetString() == "dense_per_channel", Threshold("sv_threshold"));
            case "blur" or "sr_bicubic":
                return new SeparableConvolution(
                    shape, Taps(spec, "vertical"), Taps(spec, "horizontal"), spec.GetProperty("stride").GetInt32(), Enum.Parse<Boundary>(spec.GetProperty("boundary").GetString()!, true), Threshold("sv_threshold_1d"));
            case var other:
                Skip.If(true, $"operator '{other}' is not built");
                throw new InvalidOperationException();
        }
    }

    private static Filter Taps(JsonElement spec, string name) => new(
        [.. spec.GetProperty(name).GetProperty("taps").EnumerateArray().Select(tap => tap.GetDouble())], spec.GetProperty(name).GetProperty("first_offset").GetInt32());
}
