using System.Globalization;
using System.Numerics;
using Posterior.Imaging;
using Posterior.Torch;

namespace Posterior.Operators;

/// <summary>
/// Progressive down-sampling: pixels become the means of growing blocks. <c>A = (1 - w) P_f + w P_2f</c>, where <c>P_f</c> replaces blocks of f x f pixels by their mean
/// and <c>log2(f) + w</c> grows linearly with the severity. The projections are nested, so a coarser image follows from a finer one.
/// </summary>
/// <param name="Factor">The side of blocks at severity 1, a power of two.</param>
/// <param name="Severity">The severity of the operator.</param>
public sealed record DownsamplingSeverity(int Factor = 4, double Severity = 1) : SeveritySpec(Severity)
{
    /// <summary>The line of the catalogue.</summary>
    public static OperatorEntry Entry { get; } = new(
        "severity-down", $"severity-down[:factor=4,{Form}]", "severity-down:factor=2", "Pixels become the means of blocks, of factor x factor at t=1; an image of the same size.", Parse);

    /// <inheritdoc/>
    public override string Text => string.Create(CultureInfo.InvariantCulture, $"severity-down:factor={Factor}{Written()}");

    /// <inheritdoc/>
    public override int RequiredMultiple => Factor;

    private int Levels => BitOperations.Log2((uint)Factor);

    /// <inheritdoc/>
    public override Tensor Degrade(Tensor x, ReadOnlySpan<double> severities)
    {
        using var scope = new Scope();
        var parts = new Tensor[severities.Length];
        for (var i = 0; i < parts.Length; i++)
        {
            var image = x.Narrow(0, i, 1);
            var (level, share) = Level(Math.Clamp(severities[i], 0, 1));
            parts[i] = Blocks(image, 1 << level);
            if (share > 0) parts[i] = parts[i] * (1 - share) + Blocks(image, 2 << level) * share;
        }
        return scope.Keep(Tensor.Cat(parts));
    }

    /// <inheritdoc/>
    protected internal override ForwardOperator Create(OperatorSite site) => Make(site.Shape, Severity, site.DType, site.Device);

    /// <inheritdoc/>
    private protected override LinearOperator Exact(ImageShape shape, double severity) => Make(shape, severity, DType.Float32, default);

    private HaarAverage Make(ImageShape shape, double severity, DType dtype, Device device)
    {
        var (level, share) = Level(severity);
        return new(shape, Levels, kept => (kept >= level ? 1 - share : 0) + (kept > level ? share : 0), (this with { Severity = severity }).Text) { DType = dtype, Device = device };
    }

    private (int Level, double Share) Level(double severity)
    {
        var level = severity * Levels;
        return ((int)Math.Floor(level), level - Math.Floor(level));
    }

    private static Tensor Blocks(Tensor x, int side) =>
        side == 1 ? x : x.AveragePool(side, side).UpsampleNearest(x.Size(2), x.Size(3));

    private static DownsamplingSeverity Parse(OperatorText text)
    {
        var factor = text.Whole("factor", 4, 2, 256);
        return BitOperations.IsPow2(factor) ? new(factor, Read(text)) : throw text.Wrong($"'factor' must be a power of two, found {factor}");
    }
}
