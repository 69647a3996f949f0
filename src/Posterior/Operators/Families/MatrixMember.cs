using Posterior.Imaging;
using Posterior.Torch;
using Posterior.Torch.Nn;

namespace Posterior.Operators;

/// <summary>A matrix with independent rows (InvFussion App. A.2.3).</summary>
/// <param name="Shape">The shape of images.</param>
/// <param name="Matrix">Its rows one after the other, each <see cref="ImageShape.Count"/> long, images in the order <c>[C, H, W]</c>.</param>
public sealed record MatrixMember(ImageShape Shape, float[] Matrix) : FamilyMember(Shape)
{
    /// <summary>What the file of members calls this kind.</summary>
    public const string KindName = "matrix";

    /// <inheritdoc/>
    public override string Kind => KindName;

    /// <summary>The number of rows.</summary>
    public long Rows => Matrix.Length / Shape.Count;

    internal override (string Name, Tensor Tensor)[] Tensors() => [(KindName, Tensor.From(Matrix, Rows, Shape.Count))];

    /// <inheritdoc/>
    public override LinearOperator Bind(string name, DType dtype = DType.Float32, Device device = default)
    {
        using var scope = new Scope();
        var h = new DenseMatrix(Shape, Tensor.From(Matrix, Rows, Shape.Count), name: name) { DType = dtype, Device = device };
        if (h.Rank == Rows) return h;
        var rank = h.Rank;
        h.Dispose();
        throw MatrixBatch.Dependent(name, rank, Rows);
    }

    internal override OperatorBatch Batch(IReadOnlyList<FamilyMember> members) => new MatrixBatch(Shape, [.. members.Cast<MatrixMember>()]);
}

/// <summary>Matrices of several images, padded to the most rows: <c>H^+ = H^T (H H^T)^-1</c>.</summary>
internal sealed class MatrixBatch : OperatorBatch
{
    // Below this share of the longest row's square a pivot counts as none.
    private const double LeastPivot = 1e-9;

    private readonly Tensor _matrices;
    private readonly long[] _rows;
    private readonly Constant _inverses;

    public MatrixBatch(ImageShape shape, MatrixMember[] members)
    {
        using var scope = new Scope();
        (InputShape, Count, Rows) = (shape, members.Length, members.Max(member => member.Rows));
        _rows = [.. members.Select(member => member.Rows)];
        var matrices = Tensor.Zeros([Count, Rows, shape.Count]);
        var memory = matrices.Memory<float>();
        for (var i = 0; i < members.Length; i++) members[i].Matrix.CopyTo(memory.Slice((int)(i * Rows * shape.Count)));
        var exact = matrices.To(DType.Float64);
        var gram = exact.MatMul(exact.Transpose(1, 2));

        // A row of padding is a unit row of the Gram matrix, taken away again after the inversion.
        var padding = Tensor.From(members.SelectMany(member => Enumerable.Range(0, (int)Rows).Select(row => row < member.Rows ? 0.0 : 1)).ToArray(), Count, Rows);
        var unit = Tensor.Eye(Rows, DType.Float64) * padding.Unsqueeze(1);
        gram += unit;
        Check(members, gram);
        _inverses = new Constant(gram.Inverse() - unit);
        _matrices = matrices.Own();
    }

    /// <inheritdoc/>
    public override long Count { get; }

    /// <inheritdoc/>
    public override ImageShape InputShape { get; }

    /// <inheritdoc/>
    public override long Rows { get; }

    /// <inheritdoc/>
    public override void Dispose()
    {
        _matrices.Dispose();
        _inverses.Dispose();
        base.Dispose();
    }

    internal override Tensor Through(Tensor x, GatedMixture mixture)
    {
        // A matrix of another type would be converted for nothing.
        if (x.DType != _matrices.DType || x.Device != _matrices.Device) return base.Through(x, mixture);
        using var scope = new Scope();
        return scope.Keep(mixture.Between(x.Reshape(Count, x.Size(1), 1, -1), _matrices, _rows, _inverses.For(x), _matrices)?.Reshape(Count, -1, InputShape.Channels, InputShape.Height, InputShape.Width)
            ?? base.Through(x, mixture));
    }

    internal static OperatorException Dependent(string name, long rank, long rows) => new($"operator '{name}': the {rows} rows of the matrix are not independent, {rank} of them are");

    private protected override Tensor ApplyStack(Tensor x) => StackedProduct.WithTransposed(x.Flatten(2), Matrices(x), _rows);

    private protected override Tensor AdjointStack(Tensor y) =>
        StackedProduct.With(y, Matrices(y), _rows).Reshape(Count, y.Size(1), InputShape.Channels, InputShape.Height, InputShape.Width);

    private protected override Tensor PseudoInverseStack(Tensor y) => AdjointStack(StackedProduct.With(y, _inverses.For(y), _rows));

    private Tensor Matrices(Tensor like) => _matrices.To(like.DType).To(like.Device);

    // The pivots of Cholesky's factor are the distances of each row from those before it.
    private static void Check(MatrixMember[] members, Tensor gram)
    {
        if (Independent(gram)) return;
        for (var i = 0; i < members.Length; i++)
        {
            var one = gram.Select(0, i);
            if (Independent(one)) continue;
            var (values, _) = one.SymmetricEigen();
            var missing = gram.Size(1) - (long)values.Greater(LeastPivot * values.Max().Item()).To(DType.Float64).Sum().Item();
            throw Dependent(MatrixMember.KindName, members[i].Rows - Math.Max(1, missing), members[i].Rows);
        }
    }

    private static bool Independent(Tensor gram)
    {
        try
        {
            return gram.Cholesky().Diagonal(-2, -1).Square().Greater(LeastPivot * gram.Max().Item()).All();
        }
        catch (TorchException)
        {
            return false;
        }
    }
}
