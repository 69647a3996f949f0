namespace Posterior.Torch.Nn;

/// <summary>
/// A few vectors of each image times a matrix <c>A_i</c> of its own. On the CPU, in single precision, each matrix is read once, without its rows of padding
/// (<see cref="FastPath"/>).
/// </summary>
public static class StackedProduct
{
    /// <summary><c>x_i A_i^T</c>.</summary>
    /// <param name="x"><c>[N, K, C]</c>.</param>
    /// <param name="matrices"><c>[N, R, C]</c>, zero beyond the rows of each image.</param>
    /// <param name="rows">The rows of each image, at most R.</param>
    /// <returns><c>[N, K, R]</c>.</returns>
    public static Tensor WithTransposed(Tensor x, Tensor matrices, ReadOnlySpan<long> rows)
    {
        Check(matrices, rows);
        if (FastPath.StackedProduct(x, matrices, rows, transposed: false) is not { } y)
        {
            using var scope = new Scope();
            y = scope.Keep(x.MatMul(matrices.Transpose(1, 2)));
        }
        WorkMeter.CountProduct(x, y);
        return y;
    }

    /// <summary><c>x_i A_i</c>.</summary>
    /// <param name="x"><c>[N, K, R]</c>.</param>
    /// <param name="matrices"><c>[N, R, C]</c>, zero beyond the rows of each image.</param>
    /// <param name="rows">The rows of each image, at most R.</param>
    /// <returns><c>[N, K, C]</c>.</returns>
    public static Tensor With(Tensor x, Tensor matrices, ReadOnlySpan<long> rows)
    {
        Check(matrices, rows);
        var y = FastPath.StackedProduct(x, matrices, rows, transposed: true) ?? x.MatMul(matrices);
        WorkMeter.CountProduct(x, y);
        return y;
    }

    private static void Check(Tensor matrices, ReadOnlySpan<long> rows)
    {
        if (matrices.Size(0) != rows.Length) throw new ArgumentException($"{matrices.Size(0)} matrices need as many numbers of rows, found {rows.Length}");
    }
}
