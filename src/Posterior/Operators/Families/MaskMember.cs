using Posterior.Imaging;
using Posterior.Torch;

namespace Posterior.Operators;

/// <summary>Some pixels are visible: <c>y = mask * x</c> with the zeros kept, so that all masks have as many rows (InvFussion App. A.2.1).</summary>
/// <param name="Shape">The shape of images.</param>
/// <param name="Mask">1 for visible pixels, 0 for the others, row by row, for all channels alike.</param>
public sealed record MaskMember(ImageShape Shape, double[] Mask) : FamilyMember(Shape)
{
    /// <summary>What the file of members calls this kind.</summary>
    public const string KindName = "mask";

    /// <inheritdoc/>
    public override string Kind => KindName;

    internal override (string Name, Tensor Tensor)[] Tensors() => [(KindName, Tensor.From(Mask, Shape.Height, Shape.Width))];

    /// <inheritdoc/>
    public override LinearOperator Bind(string name, DType dtype = DType.Float32, Device device = default)
    {
        using var scope = new Scope();
        return new Inpainting(Shape, Tensor.From(Mask, Shape.Height, Shape.Width), name) { DType = dtype, Device = device };
    }

    internal override OperatorBatch Batch(IReadOnlyList<FamilyMember> members) => new MaskBatch(Shape, [.. members.Cast<MaskMember>()]);
}

/// <summary>Masks of several images.</summary>
internal sealed class MaskBatch : OperatorBatch
{
    private readonly Constant _masks;

    public MaskBatch(ImageShape shape, MaskMember[] members)
    {
        using var scope = new Scope();
        (InputShape, Count) = (shape, members.Length);
        _masks = new Constant(Tensor.From(members.SelectMany(member => member.Mask).ToArray(), Count, 1, 1, shape.Height, shape.Width));
    }

    /// <inheritdoc/>
    public override long Count { get; }

    /// <inheritdoc/>
    public override ImageShape InputShape { get; }

    /// <inheritdoc/>
    public override long Rows => InputShape.Count;

    /// <inheritdoc/>
    public override void Dispose()
    {
        _masks.Dispose();
        base.Dispose();
    }

    private protected override Tensor ApplyStack(Tensor x) => (x * _masks.For(x)).Flatten(2);

    private protected override Tensor AdjointStack(Tensor y) => y.Reshape(Count, y.Size(1), InputShape.Channels, InputShape.Height, InputShape.Width) * _masks.For(y);

    private protected override Tensor PseudoInverseStack(Tensor y) => AdjointStack(y);
}
