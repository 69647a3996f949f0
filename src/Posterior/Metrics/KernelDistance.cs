using Posterior.Torch;

namespace Posterior.Metrics;

/// <summary>
/// The squared maximum mean discrepancy of two sets of feature vectors with the kernel <c>(x.y / d + 1)^3</c>, unbiased (Binkowski et al. 2018, Eq. 4). On
/// Inception's pooled features it is the KID; papers multiply it by 1000.
/// </summary>
public static class KernelDistance
{
    /// <summary>The distance of two sets; it can be negative.</summary>
    /// <param name="first"><c>[n, d]</c>, n at least 2.</param>
    /// <param name="second"><c>[m, d]</c>, m at least 2.</param>
    /// <exception cref="ArgumentException">A set has fewer than two vectors, or the lengths differ.</exception>
    public static double Of(Tensor first, Tensor second)
    {
        if (first.Rank != 2 || second.Rank != 2 || first.Size(1) != second.Size(1) || Math.Min(first.Size(0), second.Size(0)) < 2)
            throw new ArgumentException($"a kernel distance needs two sets of at least two vectors of one length, found {first} and {second}");
        using var scope = new Scope();
        using var noGrad = new NoGrad();
        var (x, y) = (first.To(Device.Cpu).To(DType.Float64), second.To(Device.Cpu).To(DType.Float64));
        return Within(x) + Within(y) - 2 * Kernel(x, y).Mean().Item();
    }

    /// <summary>The distances of pairs of subsets, whose mean and spread papers report.</summary>
    /// <param name="first"><c>[n, d]</c>.</param>
    /// <param name="second"><c>[m, d]</c>.</param>
    /// <param name="firstRows">The rows of each subset of the first set.</param>
    /// <param name="secondRows">The rows of each subset of the second set.</param>
    /// <exception cref="ArgumentException">There are not as many subsets of one set as of the other.</exception>
    public static double[] OfSubsets(Tensor first, Tensor second, IReadOnlyList<long[]> firstRows, IReadOnlyList<long[]> secondRows)
    {
        if (firstRows.Count != secondRows.Count) throw new ArgumentException($"subsets come in pairs, found {firstRows.Count} and {secondRows.Count}");
        return [.. firstRows.Zip(secondRows, (a, b) =>
        {
            using var scope = new Scope();
            return Of(first.IndexSelect(0, Tensor.From(a, a.Length)), second.IndexSelect(0, Tensor.From(b, b.Length)));
        })];
    }

    private static Tensor Kernel(Tensor x, Tensor y)
    {
        using var scope = new Scope();
        return scope.Keep((x.MatMul(y.Transpose(0, 1)) / x.Size(1) + 1).Pow(3));
    }

    private static double Within(Tensor x)
    {
        using var scope = new Scope();
        var (kernel, n) = (Kernel(x, x), x.Size(0));
        return (kernel.Sum().Item() - kernel.Diagonal().Sum().Item()) / (n * (n - 1.0));
    }
}
