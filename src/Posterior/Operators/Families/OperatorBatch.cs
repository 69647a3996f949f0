using Posterior.Imaging;
using Posterior.Torch;
using Posterior.Torch.Nn;

namespace Posterior.Operators;

/// <summary>
/// A batch of linear operators: image i of a batch has its own <c>H_i</c>. Measurements are vectors of one length: what an operator does not measure is
/// zero at the end ("zero-padded rows", InvFussion App. A.2). Each image may be a stack of K images that its operator treats alike.
/// </summary>
public abstract class OperatorBatch : IDisposable
{
    // Images that vary over an eighth of their side.
    private const int Probes = 8, ProbeSide = 8;

    private float[]? _smoothShare;

    /// <summary>The number of operators.</summary>
    public abstract long Count { get; }

    /// <summary>The shape of an image.</summary>
    public abstract ImageShape InputShape { get; }

    /// <summary>The length of a measurement, zero rows included; at least 1.</summary>
    public abstract long Rows { get; }

    /// <summary>A batch of operators, each with its own image; those of one kind are calculated together.</summary>
    /// <param name="members">The operators, all for images of one shape.</param>
    /// <returns>The batch; the caller disposes it.</returns>
    /// <exception cref="OperatorException">There are none, or their images differ in shape.</exception>
    public static OperatorBatch Of(IReadOnlyList<FamilyMember> members)
    {
        if (members.Count == 0) throw new OperatorException("a batch of operators has at least one");
        if (members.FirstOrDefault(member => member.Shape != members[0].Shape) is { } other)
            throw new OperatorException($"a batch of operators is for images of one shape, found {members[0].Shape} and {other.Shape}");
        using var gradients = new NoGrad();
        var parts = members.Select((member, index) => (member, index)).GroupBy(pair => pair.member.BatchKey)
            .Select(group => (Batch: group.First().member.Batch([.. group.Select(pair => pair.member)]), Indices: group.Select(pair => (long)pair.index).ToArray())).ToArray();
        return parts is [var (only, _)] ? only : new MixedBatch(parts);
    }

    /// <summary><c>H_i x_i</c>.</summary>
    /// <param name="x"><c>[N, C, H, W]</c>, or stacks <c>[N, K, C, H, W]</c>.</param>
    /// <returns><c>[N, Rows]</c>, or <c>[N, K, Rows]</c>.</returns>
    /// <exception cref="OperatorException">The images have another shape or number.</exception>
    public Tensor Apply(Tensor x) => OfImages(x, ApplyStack);

    /// <summary><c>H_i^T y_i</c>.</summary>
    /// <param name="y"><c>[N, Rows]</c>, or stacks <c>[N, K, Rows]</c>.</param>
    /// <returns><c>[N, C, H, W]</c>, or <c>[N, K, C, H, W]</c>.</returns>
    /// <exception cref="OperatorException">The measurements have another length or number.</exception>
    public Tensor Adjoint(Tensor y) => OfMeasurements(y, AdjointStack);

    /// <summary><c>H_i^+ y_i</c>, the Moore-Penrose pseudo-inverse.</summary>
    /// <inheritdoc cref="Adjoint"/>
    public Tensor PseudoInverse(Tensor y) => OfMeasurements(y, PseudoInverseStack);

    /// <summary><c>H_i^+ f(H_i x_i)</c> for stacks of images and a mixture f of their measurements.</summary>
    /// <param name="x"><c>[N, K, C, H, W]</c>.</param>
    /// <param name="mixture">f, with measurements of the same operators.</param>
    /// <returns><c>[N, k, C, H, W]</c>.</returns>
    internal virtual Tensor Through(Tensor x, GatedMixture mixture)
    {
        using var scope = new Scope();
        return scope.Keep(PseudoInverse(mixture.Forward(Apply(x))));
    }

    /// <summary>
    /// The share of the energy of smooth images that <c>H_i^+ H_i</c> leaves where it leaves anything, <c>[N]</c> in single precision on the CPU: 1 for masks and the zero operator, about rows over pixels for
    /// random matrices, for blurs what they leave of structure of that size. Measured on eight fixed images; it depends on the row space alone, and so not on the basis of the measurement.
    /// </summary>
    public Tensor SmoothShare => Tensor.From(_smoothShare ??= MeasureSmoothShare(), Count);

    /// <summary>Frees the tensors of the batch.</summary>
    public virtual void Dispose() => GC.SuppressFinalize(this);

    /// <summary><see cref="Apply"/> of <c>[N, K, C, H, W]</c>.</summary>
    private protected abstract Tensor ApplyStack(Tensor x);

    /// <summary><see cref="Adjoint"/> of <c>[N, K, Rows]</c>.</summary>
    private protected abstract Tensor AdjointStack(Tensor y);

    /// <summary><see cref="PseudoInverse"/> of <c>[N, K, Rows]</c>.</summary>
    private protected abstract Tensor PseudoInverseStack(Tensor y);

    private float[] MeasureSmoothShare()
    {
        using var scope = new Scope();
        using var gradients = new NoGrad();
        var (c, h, w) = (InputShape.Channels, InputShape.Height, InputShape.Width);
        var probes = new SeededNoise([.. Enumerable.Range(0, Probes).Select(k => (ulong)k)]).Normal([Probes, c, Math.Min(ProbeSide, h), Math.Min(ProbeSide, w)]).UpsampleBilinear(h, w);
        var left = PseudoInverse(Apply(probes.Unsqueeze(0).Repeat(Count, 1, 1, 1, 1))).Square().Sum([1]);
        // Rounding is not what is left.
        var seen = left.Greater(probes.Square().Mean().Item() * 1e-6).To(DType.Float32);
        var whole = (probes.Square().Sum([0]) * seen).Sum([1, 2, 3]);
        var nothing = whole.Equal(0).To(DType.Float32);
        return ((left.Sum([1, 2, 3]) + nothing) / (whole + nothing)).Clamp(1e-6, 1).ToArray<float>();
    }

    private Tensor OfImages(Tensor x, Func<Tensor, Tensor> map)
    {
        var fits = x.Rank is 4 or 5 && x.Size(0) == Count && new ImageShape(x.Size(-3), x.Size(-2), x.Size(-1)) == InputShape;
        if (!fits) throw new OperatorException($"a batch of {Count} operators takes as many images of {InputShape}, found {x}");
        return Stacked(x, 5, map);
    }

    private Tensor OfMeasurements(Tensor y, Func<Tensor, Tensor> map)
    {
        var fits = y.Rank is 2 or 3 && y.Size(0) == Count && y.Size(-1) == Rows;
        if (!fits) throw new OperatorException($"a batch of {Count} operators takes as many measurements of {Rows} numbers, found {y}");
        return Stacked(y, 3, map);
    }

    private static Tensor Stacked(Tensor x, int rank, Func<Tensor, Tensor> map)
    {
        using var scope = new Scope();
        return scope.Keep(x.Rank == rank ? map(x) : map(x.Unsqueeze(1)).Squeeze(1));
    }
}
