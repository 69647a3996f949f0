using System.Globalization;
using System.Numerics;
using Posterior.Imaging;
using Posterior.Torch;

namespace Posterior.Operators;

/// <summary>Compressed sensing with random rows of the Walsh-Hadamard transform, the constant row always among them.</summary>
/// <param name="Ratio">Pixels for each measured number.</param>
/// <param name="Seed">Chooses the rows.</param>
public sealed record HadamardSpec(int Ratio, int Seed = 0) : OperatorSpec
{
    /// <summary>The line of the catalogue.</summary>
    public static OperatorEntry Entry { get; } = new(
        "cs", "cs{RATIO}[:seed=0]", "cs4", "Compressed sensing: one of RATIO Walsh-Hadamard coefficients; height and width are powers of two.",
        text => new HadamardSpec(text.NumberFrom(1, 65536, "ratio"), text.Whole("seed", 0, 0, int.MaxValue)))
    { TakesNumber = true };

    /// <inheritdoc/>
    public override bool MakesPictures => false;

    /// <inheritdoc/>
    public override string Text => string.Create(CultureInfo.InvariantCulture, $"cs{Ratio}{(Seed == 0 ? "" : $":seed={Seed}")}");

    /// <inheritdoc/>
    public override ImageShape LargestFit(ImageShape shape) =>
        shape with { Height = (long)(BitOperations.RoundUpToPowerOf2((ulong)shape.Height + 1) / 2), Width = (long)(BitOperations.RoundUpToPowerOf2((ulong)shape.Width + 1) / 2) };

    /// <inheritdoc/>
    protected internal override ForwardOperator Create(OperatorSite site)
    {
        var n = checked((int)(site.Shape.Height * site.Shape.Width));
        if (n / Ratio < 1) throw new OperatorException($"operator '{Text}': nothing is left of {n} pixels");
        var rows = RandomOrder.Of(n, (ulong)Seed).Where(row => row != 0).Take(n / Ratio - 1).Prepend(0).Order().Select(row => (long)row).ToArray();
        return new HadamardSensing(site.Shape, rows, Text) { DType = site.DType, Device = site.Device };
    }

    /// <inheritdoc/>
    protected override ImageShape Infer(IReadOnlyList<long> measurement, (long Height, long Width)? size, IOperatorFiles? files)
    {
        var (height, width) = Stated(size);
        return measurement is [var channels, var count] && count == height * width / Ratio
            ? new(channels, height, width)
            : throw new OperatorException(
                $"operator '{Text}': expected a measurement of channels x {height * width / Ratio} numbers for images of {width}x{height}, found {string.Join('x', measurement)}");
    }
}

/// <summary>Block compressed sensing with random orthonormal rows.</summary>
/// <param name="Ratio">Pixels for each measured number.</param>
/// <param name="Block">The side of a tile in pixels.</param>
/// <param name="Seed">Chooses the matrix.</param>
public sealed record BlockSensingSpec(int Ratio, int Block = 32, int Seed = 0) : OperatorSpec
{
    /// <summary>The line of the catalogue.</summary>
    public static OperatorEntry Entry { get; } = new(
        "block-cs", "block-cs{RATIO}[:block=32,seed=0]", "block-cs4", "Block compressed sensing: each tile measured with random orthonormal rows, one number for RATIO pixels.",
        text => new BlockSensingSpec(text.NumberFrom(1, 4096, "ratio"), text.Whole("block", 32, 1, 64), text.Whole("seed", 0, 0, int.MaxValue)))
    { TakesNumber = true };

    /// <inheritdoc/>
    public override bool MakesPictures => false;

    /// <inheritdoc/>
    public override string Text
    {
        get
        {
            string[] options = [.. Block == 32 ? Array.Empty<string>() : [$"block={Block}"], .. Seed == 0 ? Array.Empty<string>() : [$"seed={Seed}"]];
            return string.Create(CultureInfo.InvariantCulture, $"block-cs{Ratio}{(options.Length == 0 ? "" : ":")}{string.Join(',', options)}");
        }
    }

    /// <inheritdoc/>
    public override int RequiredMultiple => Block;

    private long Rows => Block * Block / Ratio;

    /// <inheritdoc/>
    protected internal override ForwardOperator Create(OperatorSite site)
    {
        if (Rows < 1) throw new OperatorException($"operator '{Text}': nothing is left of {Block * Block} pixels");
        var (q, _) = new SeededNoise((ulong)Seed).Normal([1, Block * Block, Rows], DType.Float64).Squeeze(0).Qr();
        return new BlockSensing(site.Shape, q.Transpose(0, 1), Text) { DType = site.DType, Device = site.Device };
    }

    /// <inheritdoc/>
    protected override ImageShape Infer(IReadOnlyList<long> measurement, (long Height, long Width)? size, IOperatorFiles? files)
    {
        var (height, width) = Stated(size);
        var tiles = height / Block * (width / Block);
        return measurement is [var channels, var count, var rows] && count == tiles && rows == Rows
            ? new(channels, height, width)
            : throw new OperatorException(
                $"operator '{Text}': expected a measurement of channels x {tiles} x {Rows} numbers for images of {width}x{height}, found {string.Join('x', measurement)}");
    }
}
