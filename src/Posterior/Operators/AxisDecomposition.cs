using Posterior.Torch;

namespace Posterior.Operators;

/// <summary>
/// The singular value decomposition of a filter along one axis, <c>A = U diag(s) V^T</c> with <c>A [rows, n]</c>, rows at most n, and square U and V.
/// Singular values below a threshold are zero, and so are their columns of U.
/// </summary>
internal sealed class AxisDecomposition
{
    private const double DoubleRounding = 2.2e-16;

    /// <summary>Decomposes a matrix, in double precision.</summary>
    /// <param name="a"><c>[rows, n]</c>, freed with the caller's scope.</param>
    /// <param name="threshold">Singular values below it become zero.</param>
    public AxisDecomposition(Tensor a, double threshold)
    {
        using var scope = new Scope();
        var (rows, n) = (a.Size(0), a.Size(1));
        var (u, s, v) = IsCentrosymmetric(a) && n > 1 ? ByParity(a) : Direct(a);

        // What rounding leaves of a zero is no singular value either.
        var rounding = Math.Max(rows, n) * DoubleRounding * s.Max().Item();
        var observed = s.GreaterOrEqual(threshold).And(s.Greater(rounding));
        s = observed.Where(s, s.ZerosLike());
        U = new Constant(observed.Where(u, u.ZerosLike()));
        V = new Constant(v.Contiguous());
        S = new Constant(s.Pad([0, n - rows]));
        Zeroed = (int)(rows - observed.To(DType.Int64).Sum().Item());
    }

    /// <summary><c>[rows, rows]</c>; columns of zero singular values are zero.</summary>
    public Constant U { get; }

    /// <summary><c>[n]</c>, zeros at the end.</summary>
    public Constant S { get; }

    /// <summary><c>[n, n]</c>.</summary>
    public Constant V { get; }

    /// <summary>How many singular values became zero.</summary>
    public int Zeroed { get; }

    private static (Tensor U, Tensor S, Tensor V) Direct(Tensor a)
    {
        var (u, s, vh) = a.Svd(full: true);
        return (u, s, vh.Transpose(0, 1));
    }

    private static bool IsCentrosymmetric(Tensor a) => !a.Equal(a.Flip(0, 1)).Not().Any();

    // A symmetric filter maps even signals to even ones and odd to odd: two decompositions of half the size, an eighth of the work each.
    private static (Tensor U, Tensor S, Tensor V) ByParity(Tensor a)
    {
        var (rows, n) = (a.Size(0), a.Size(1));
        var (rowsEven, rowsOdd) = Parity(rows);
        var (even, odd) = Parity(n);
        var (ue, se, ve) = Direct(rowsEven.Transpose(0, 1).MatMul(a).MatMul(even));
        if (rows == 1)
        {
            return (rowsEven.MatMul(ue), se, Tensor.Cat([even.MatMul(ve), odd], 1));
        }

        var (uo, so, vo) = Direct(rowsOdd.Transpose(0, 1).MatMul(a).MatMul(odd));
        ve = even.MatMul(ve);
        vo = odd.MatMul(vo);
        var (e, o) = (rowsEven.Size(1), rowsOdd.Size(1));
        return (
            Tensor.Cat([rowsEven.MatMul(ue), rowsOdd.MatMul(uo)], 1),
            Tensor.Cat([se, so]),
            Tensor.Cat([ve.Slice(1, 0, e), vo.Slice(1, 0, o), ve.Slice(1, e, ve.Size(1)), vo.Slice(1, o, vo.Size(1))], 1));
    }

    // Orthonormal bases of the even and of the odd signals of length n, as columns.
    private static (Tensor Even, Tensor Odd) Parity(long n)
    {
        var identity = Tensor.Eye(n, DType.Float64);
        var half = n / 2;
        var (left, right) = (identity.Slice(1, 0, half), identity.Flip(1).Slice(1, 0, half));
        var (even, odd) = ((left + right) * Math.Sqrt(0.5), (left - right) * Math.Sqrt(0.5));
        return (n % 2 == 0 ? even : Tensor.Cat([even, identity.Slice(1, half, half + 1)], 1), odd);
    }
}
