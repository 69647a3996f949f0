using System.Globalization;
using System.Text.Json;
using Posterior.Imaging;
using Posterior.Operators;
using Posterior.Torch;

namespace Posterior.Oracles;

/// <summary>Rebuilds the operators of oracle files from their specs (<c>oracles/operators/README.md</c> and the sampler READMEs).</summary>
public static class OracleOperators
{
    /// <summary>The operator of a file. Its tensors (mask, matrix, kept rows) are read from the same file.</summary>
    /// <param name="file">The file.</param>
    /// <param name="spec">The operator's part of the file's spec: the spec itself, or its <c>operator</c> field.</param>
    /// <param name="dtype">The precision of the images to come.</param>
    /// <returns>The operator; the caller disposes it.</returns>
    public static SpectralOperator Bind(OracleFile file, JsonElement spec, DType dtype = DType.Float64)
    {
        using var scope = new Scope();
        var image = Numbers(spec.GetProperty("image"));
        var shape = new ImageShape((long)image[0], (long)image[1], (long)image[2]);
        var op = spec.GetProperty("op").GetString();
        switch (op)
        {
            case "identity":
                return new Identity(shape) { DType = dtype };
            case "inpainting":
                return new Inpainting(shape, Read(file, "mask")) { DType = dtype };
            case "sr_average":
                return new BlockAverage(shape, spec.GetProperty("factor").GetInt32()) { DType = dtype };
            case "colorization":
                return new Colorization(shape, Numbers(spec.GetProperty("weights"))) { DType = dtype };
            case "blur" or "sr_bicubic":
                return new SeparableConvolution(
                    shape, FilterOf(spec.GetProperty("vertical")), FilterOf(spec.GetProperty("horizontal")), spec.GetProperty("stride").GetInt32(),
                    BoundaryOf(spec.GetProperty("boundary").GetString()), Optional(spec, "sv_threshold_1d"), Optional(spec, "sv_threshold"))
                { DType = dtype };
            case "hadamard_cs":
                return new HadamardSensing(shape, file.Integers("kept_rows")) { DType = dtype };
            case "block_cs":
                return new BlockSensing(shape, Read(file, "phi")) { DType = dtype };
            case "dense" or "dense_per_channel":
                return new DenseMatrix(shape, Read(file, "H"), op == "dense_per_channel", Optional(spec, "sv_threshold")) { DType = dtype };
            default:
                Skip.If(true, $"{file.Name}: operator '{op}' is not built");
                throw new InvalidOperationException();
        }
    }

    /// <summary>A tensor of a file in double precision.</summary>
    public static Tensor Read(OracleFile file, string name) => Tensor.From(file.Doubles(name), file.Shape(name));

    private static Filter FilterOf(JsonElement filter) => new(Numbers(filter.GetProperty("taps")), filter.GetProperty("first_offset").GetInt32());

    private static double Optional(JsonElement spec, string field) => spec.TryGetProperty(field, out var value) ? value.GetDouble() : 0;

    private static double[] Numbers(JsonElement list) => [.. list.EnumerateArray().Select(number => number.GetDouble())];

    private static Boundary BoundaryOf(string? name) => name switch
    {
        "zero" => Boundary.Zero,
        "symmetric" => Boundary.Symmetric,
        "reflect" => Boundary.Reflect,
        "circular" => Boundary.Circular,
        _ => throw new InvalidDataException(string.Create(CultureInfo.InvariantCulture, $"unknown boundary '{name}'")),
    };
}
