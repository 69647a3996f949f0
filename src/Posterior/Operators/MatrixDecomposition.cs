using Posterior.Torch;
using Posterior.Torch.Nn;

namespace Posterior.Operators;

/// <summary>
/// The singular value decomposition of a matrix <c>H [m, n]</c> with a square V kept in the memory of H: the thin factor <c>V_1 [n, r]</c> is completed
/// by a block reflector (Schreiber, Parlett 1988) instead of n - r more columns. Vectors are the last dimension of a tensor.
/// </summary>
/// <remarks>
/// With the polar decomposition <c>P Z</c> of the top block of V_1 and <c>Y = V_1 Z^T + E</c>, <c>E</c> the first r columns of the identity,
/// <c>Q = I - Y (I + P)^{-1} Y^T</c> is symmetric, orthogonal, and maps E to <c>-V_1 Z^T</c>. So <c>V = Q diag(-Z, I)</c>. Of Y only V_1 is stored.
/// </remarks>
internal sealed class MatrixDecomposition
{
    private const int FewVectors = 8;

    private readonly Constant _u;
    private readonly Constant _v1; // V_1^T
    private readonly Constant _inner; // (I + P)^{-1}
    private readonly Constant _z;

    /// <summary>Decomposes a matrix, in double precision.</summary>
    /// <param name="h"><c>[m, n]</c>.</param>
    /// <param name="threshold">Singular values below it count as zero.</param>
    public MatrixDecomposition(Tensor h, double threshold)
    {
        using var scope = new Scope();
        h = h.To(Device.Cpu).To(DType.Float64);
        var n = h.Size(1);
        var (u, s, vh) = h.Svd();
        var rounding = Math.Max(h.Size(0), n) * 2.2e-16 * s.Max().Item();
        Rank = (long)s.GreaterOrEqual(threshold).And(s.Greater(rounding)).To(DType.Int64).Sum().Item();
        S = new Constant(Tensor.Cat([s.Narrow(0, 0, Rank), Tensor.Zeros([n - Rank], DType.Float64)]));
        _u = new Constant(u.Narrow(1, 0, Rank).Contiguous());
        var v = vh.Narrow(0, 0, Rank).Transpose(0, 1);
        var (left, _, right) = v.Narrow(0, 0, Rank).Svd();
        var z = left.MatMul(right);
        var p = v.Narrow(0, 0, Rank).MatMul(z.Transpose(0, 1));
        _v1 = new Constant(v.Transpose(0, 1).Contiguous());
        var e = Tensor.Eye(Rank, DType.Float64);
        _inner = new Constant(((p + p.Transpose(0, 1)) * 0.5 + e).Solve(e));
        _z = new Constant(z);
    }

    /// <summary>The number of positive singular values.</summary>
    public long Rank { get; }

    /// <summary><c>[n]</c>, zeros at the end.</summary>
    public Constant S { get; }

    /// <summary>The stored tensors, for the operator that owns them.</summary>
    public IEnumerable<Constant> Parts => [_u, _v1, _inner, _z, S];

    /// <summary><c>V_1^T x</c>, <c>[..., r]</c>: the coordinates that are observed.</summary>
    public Tensor Observed(Tensor x) => TimesTransposed(x, _v1.For(x));

    /// <summary><c>V_1 a</c>, <c>[..., n]</c>.</summary>
    public Tensor FromObserved(Tensor a) => Times(a, _v1.For(a));

    /// <summary><c>V^T x</c>, <c>[..., n]</c>.</summary>
    public Tensor VT(Tensor x)
    {
        if (Rank == 0) return x.Clone();
        var observed = Observed(x);
        var q = Reflect(x, observed);
        return Tensor.Cat([observed, q.Narrow(-1, Rank, q.Size(-1) - Rank)], -1);
    }

    /// <summary><c>V c</c>, <c>[..., n]</c>.</summary>
    public Tensor V(Tensor c)
    {
        if (Rank == 0) return c.Clone();
        var x = Tensor.Cat([-c.Narrow(-1, 0, Rank).MatMul(_z.For(c).Transpose(0, 1)), c.Narrow(-1, Rank, c.Size(-1) - Rank)], -1);
        return Reflect(x, Observed(x));
    }

    /// <summary><c>U^T y</c>, <c>[..., m]</c> to <c>[..., n]</c>, zero where nothing is observed.</summary>
    public Tensor UT(Tensor y)
    {
        var observed = y.MatMul(_u.For(y));
        return Tensor.Cat([observed, Tensor.Zeros([.. y.Shape[..^1], S.Exact.Size(0) - Rank], y.DType, y.Device)], -1);
    }

    /// <summary><c>U c</c>, <c>[..., n]</c> to <c>[..., m]</c>.</summary>
    public Tensor U(Tensor c) => c.Narrow(-1, 0, Rank).MatMul(_u.For(c).Transpose(0, 1));

    // Q x = x - Y t with t = (I + P)^{-1} Y^T x, from V_1^T x.
    private Tensor Reflect(Tensor x, Tensor observed)
    {
        var z = _z.For(x);
        var t = (observed.MatMul(z.Transpose(0, 1)) + x.Narrow(-1, 0, Rank)).MatMul(_inner.For(x));
        var q = x - FromObserved(t.MatMul(z));
        q.Narrow(-1, 0, Rank).SubtractInPlace(t);
        return q;
    }

    /// <summary><c>x A^T</c> for vectors in the last dimension and a matrix of few rows. To read the matrix is all the work for a few vectors, and it is read once.</summary>
    public static Tensor TimesTransposed(Tensor x, Tensor matrix) => AreFew(x)
        ? StackedProduct.WithTransposed(x.Reshape(1, -1, x.Size(-1)), matrix.Unsqueeze(0), [matrix.Size(0)]).Reshape([.. x.Shape[..^1], matrix.Size(0)])
        : x.MatMul(matrix.Transpose(0, 1));

    /// <summary><c>x A</c>, likewise.</summary>
    public static Tensor Times(Tensor x, Tensor matrix) => AreFew(x)
        ? StackedProduct.With(x.Reshape(1, -1, x.Size(-1)), matrix.Unsqueeze(0), [matrix.Size(0)]).Reshape([.. x.Shape[..^1], matrix.Size(1)])
        : x.MatMul(matrix);

    private static bool AreFew(Tensor x) => x.Size(-1) > 0 && x.Count / x.Size(-1) <= FewVectors;
}
