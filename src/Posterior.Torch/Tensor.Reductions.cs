namespace Posterior.Torch;

public sealed partial class Tensor
{
    private static readonly Op _sum = new("aten::sum"), _sumDims = new("aten::sum", "dim_IntList"), _mean = new("aten::mean"), _meanDims = new("aten::mean", "dim"),
        _amax = new("aten::amax"), _amin = new("aten::amin"), _all = new("aten::all"), _any = new("aten::any"), _norm = new("aten::linalg_vector_norm"),
        _variance = new("aten::var", "correction"), _argmax = new("aten::argmax"), _cumsum = new("aten::cumsum"), _logSumExp = new("aten::logsumexp"), _prod = new("aten::prod");

    /// <summary>The sum of all elements.</summary>
    public Tensor Sum() => _sum.Call(this);

    /// <summary>Sums over dimensions.</summary>
    public Tensor Sum(ReadOnlySpan<long> dimensions, bool keepDimensions = false) => _sumDims.Call(this, dimensions, keepDimensions);

    /// <summary>The mean of all elements.</summary>
    public Tensor Mean() => _mean.Call(this);

    /// <summary>Means over dimensions.</summary>
    public Tensor Mean(ReadOnlySpan<long> dimensions, bool keepDimensions = false) => _meanDims.Call(this, dimensions, keepDimensions);

    /// <summary>Variances over dimensions, with divisor n - correction.</summary>
    public Tensor Variance(ReadOnlySpan<long> dimensions, long correction = 1, bool keepDimensions = false) =>
        _variance.Call(this, dimensions, correction, keepDimensions);

    /// <summary>The largest element over dimensions; over all for none.</summary>
    public Tensor Max(ReadOnlySpan<long> dimensions = default, bool keepDimensions = false) => _amax.Call(this, dimensions, keepDimensions);

    /// <summary>The smallest element over dimensions; over all for none.</summary>
    public Tensor Min(ReadOnlySpan<long> dimensions = default, bool keepDimensions = false) => _amin.Call(this, dimensions, keepDimensions);

    /// <summary>The index of the largest element along a dimension.</summary>
    public Tensor Argmax(int dimension) => _argmax.Call(this, dimension);

    /// <summary>Whether every element holds.</summary>
    public bool All()
    {
        using var all = _all.Call(this);
        return all.Item() != 0;
    }

    /// <summary>Whether an element holds.</summary>
    public bool Any()
    {
        using var any = _any.Call(this);
        return any.Item() != 0;
    }

    /// <summary>The product of all elements.</summary>
    public Tensor Product() => _prod.Call(this);

    /// <summary>The Euclidean norm of all elements.</summary>
    public Tensor Norm() => _norm.Call(this, 2);

    /// <summary>Euclidean norms over dimensions.</summary>
    public Tensor Norm(ReadOnlySpan<long> dimensions, bool keepDimensions = false) => _norm.Call(this, 2, dimensions, keepDimensions);

    /// <summary>Cumulative sums along a dimension.</summary>
    public Tensor CumulativeSum(int dimension) => _cumsum.Call(this, dimension);

    /// <summary>ln of the sum of exponentials over dimensions.</summary>
    public Tensor LogSumExp(ReadOnlySpan<long> dimensions, bool keepDimensions = false) => _logSumExp.Call(this, dimensions, keepDimensions);
}
