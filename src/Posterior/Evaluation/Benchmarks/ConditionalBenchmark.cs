using Posterior.Diffusion;
using Posterior.Imaging;
using Posterior.Networks.Hdit;
using Posterior.Operators;
using Posterior.Torch;

namespace Posterior.Evaluation.Benchmarks;

/// <summary>What it costs that a network sees the operator (InvFussion) rather than the pseudo-inverse of the measurement (Palette): one size, the same images and operators.</summary>
public static class ConditionalBenchmark
{
    /// <summary>The most that an evaluation may take longer, as a share of Palette's time.</summary>
    public const double Bar = 0.6;

    private const int Images = 32, Side = 32;

    /// <summary>A row for each family of operators, each image with an operator of its own.</summary>
    /// <param name="rounds">The number of rounds.</param>
    /// <param name="cancellation">Stops between evaluations.</param>
    public static IReadOnlyList<BenchmarkRow> Run(int rounds = 7, CancellationToken cancellation = default) =>
        [.. OperatorFamilies.All.Where(family => family != OperatorFamilies.Zero).Select(family => Overhead(family, rounds, cancellation))];

    private static BenchmarkRow Overhead(OperatorFamily family, int rounds, CancellationToken cancellation)
    {
        using var scope = new Scope();
        using var noGrad = new NoGrad();
        using var palette = BenchmarkNetworks.Hdit(MeasurementCondition.Image);
        using var fusion = BenchmarkNetworks.Hdit(MeasurementCondition.Operator);
        var shape = new ImageShape(3, Side, Side);
        using var operators = OperatorBatch.Of([.. Enumerable.Range(0, Images).Select(i => family.Draw(shape, (ulong)i))]);
        var x = new SeededNoise([.. Enumerable.Range(0, Images).Select(i => (ulong)i)]).Normal(shape.Batch(Images));
        var (measured, sigmas) = (new MeasuredBatch(operators, operators.Apply(x)), Tensor.Zeros([Images]));
        var seconds = Timing.Interleaved(rounds, cancellation, () => Evaluate(palette), () => Evaluate(fusion));
        return new($"InvFussion over Palette, {Side}x{Side}, batch {Images}, {family.Name}: additional time", Timing.MedianRatio(seconds[1], seconds[0]) - 1, "", Bar, BarSide.AtMost);

        void Evaluate(HditNetwork network) => network.Forward(x, sigmas, measured).Dispose();
    }
}
