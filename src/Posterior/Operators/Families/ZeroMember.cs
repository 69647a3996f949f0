using Posterior.Imaging;
using Posterior.Torch;

namespace Posterior.Operators;

/// <summary>No measurement: one row of zeros. Conditional networks are unconditional with it (InvFussion Sec. 4.1).</summary>
/// <param name="Shape">The shape of images.</param>
public sealed record ZeroMember(ImageShape Shape) : FamilyMember(Shape)
{
    /// <summary>What the file of members calls this kind.</summary>
    public const string KindName = "zero";

    /// <inheritdoc/>
    public override string Kind => KindName;

    internal override (string Name, Tensor Tensor)[] Tensors() => [];

    /// <inheritdoc/>
    public override LinearOperator Bind(string name, DType dtype = DType.Float32, Device device = default) => new ZeroOperator(Shape, name) { DType = dtype, Device = device };

    internal override OperatorBatch Batch(IReadOnlyList<FamilyMember> members) => new ZeroBatch(Shape, members.Count);
}

/// <summary>The operator that measures nothing: <c>y = [0]</c>. Coordinates are the pixels, all singular values are zero.</summary>
public sealed class ZeroOperator : StructuredOperator
{
    /// <summary>The operator for images of one shape.</summary>
    /// <param name="shape">The shape of images.</param>
    /// <param name="name">The text form.</param>
    public ZeroOperator(ImageShape shape, string name = "zero")
        : base(name, shape, 1) => SetSingularValues(Tensor.Zeros([1, 1, 1, 1], DType.Float64));

    /// <inheritdoc/>
    public override Tensor VT(Tensor x)
    {
        CheckImages(x);
        return x.Clone();
    }

    /// <inheritdoc/>
    public override Tensor V(Tensor c) => c.Clone();

    /// <inheritdoc/>
    public override Tensor UT(Tensor y)
    {
        CheckMeasurements(y);
        using var scope = new Scope();
        return scope.Keep((y.Reshape(y.Size(0), 1, 1, 1) * 0).Expand(InputShape.Batch(y.Size(0))).Clone());
    }

    /// <inheritdoc/>
    public override Tensor U(Tensor c)
    {
        using var scope = new Scope();
        return scope.Keep((c * 0).Sum([1, 2, 3]).Unsqueeze(1));
    }
}

/// <summary>Several images without measurement.</summary>
internal sealed class ZeroBatch(ImageShape shape, long count) : OperatorBatch
{
    /// <inheritdoc/>
    public override long Count => count;

    /// <inheritdoc/>
    public override ImageShape InputShape => shape;

    /// <inheritdoc/>
    public override long Rows => 1;

    private protected override Tensor ApplyStack(Tensor x) => Tensor.Zeros([count, x.Size(1), 1], x.DType, x.Device);

    private protected override Tensor AdjointStack(Tensor y) => Tensor.Zeros([count, y.Size(1), shape.Channels, shape.Height, shape.Width], y.DType, y.Device);

    private protected override Tensor PseudoInverseStack(Tensor y) => AdjointStack(y);
}
