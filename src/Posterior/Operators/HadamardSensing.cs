using System.Numerics;
using Posterior.Imaging;
using Posterior.Torch;

namespace Posterior.Operators;

/// <summary>
/// Compressed sensing with rows of the orthonormal Walsh-Hadamard matrix (natural, Sylvester order) on each channel:
/// <c>y[c, k] = n^{-1/2} sum_j (-1)^popcount(row_k and j) x_c[j]</c>, <c>n = H W</c> a power of two. Coordinates are all n coefficients,
/// <c>[N, C, n]</c>, the kept ones with <c>s = 1</c>.
/// </summary>
/// <remarks>
/// The transform is a Kronecker product of small Hadamard matrices, applied one after the other as matrix products. Sizes that are no powers of
/// two are refused: with zero padding the rows would no longer be orthogonal; <see cref="BlockSensing"/> takes such images.
/// </remarks>
public sealed class HadamardSensing : StructuredOperator
{
    // Factors of up to 2^6: fewer passes over memory than the butterfly's, fewer operations than larger ones.
    private const int MostBits = 6;

    private readonly long _n;
    private readonly long[] _factors;
    private readonly Constant[] _matrices;
    private readonly Constant _kept;
    private readonly Tensor _rows;

    /// <summary>Keeps some rows.</summary>
    /// <param name="shape">The shape of images; height and width are powers of two.</param>
    /// <param name="rows">The kept rows in the order of the measurement, each below H W and at most once.</param>
    /// <param name="name">The text form.</param>
    /// <exception cref="OperatorException">The size is no power of two, or the rows are out of range or repeated.</exception>
    public HadamardSensing(ImageShape shape, IReadOnlyList<long> rows, string name = "cs")
        : base(name, shape, shape.Channels, rows.Count)
    {
        using var scope = new Scope();
        if (!BitOperations.IsPow2(shape.Height) || !BitOperations.IsPow2(shape.Width))
        {
            throw new OperatorException(
                $"operator '{name}': height and width must be powers of two, found {shape.Height} rows x {shape.Width} columns (block-cs takes other sizes)");
        }

        _n = shape.Height * shape.Width;
        if (rows.Count == 0 || rows.Any(row => row < 0 || row >= _n) || rows.Distinct().Count() != rows.Count)
            throw new OperatorException($"operator '{name}': expected distinct rows from 0 to {_n - 1}, one or more");
        var bits = BitOperations.Log2((ulong)_n);
        var passes = Math.Max(1, (bits + MostBits - 1) / MostBits);
        _factors = [.. Enumerable.Range(0, passes).Select(i => 1L << (bits * (i + 1) / passes - bits * i / passes))];
        var bySize = _factors.Distinct().ToDictionary(size => size, size => Own(Sylvester(size)));
        _matrices = [.. _factors.Select(size => bySize[size])];
        var kept = new double[_n];
        foreach (var row in rows) kept[row] = 1;
        _kept = Own(Tensor.From(kept, 1, 1, _n));
        _rows = Tensor.From([.. rows], rows.Count).Own();
        SetSingularValues(_kept.Exact.Clone());
    }

    /// <inheritdoc/>
    public override Tensor VT(Tensor x)
    {
        CheckImages(x);
        using var scope = new Scope();
        return scope.Keep(Transform(x).Reshape(x.Size(0), InputShape.Channels, _n));
    }

    /// <inheritdoc/>
    public override Tensor V(Tensor c)
    {
        using var scope = new Scope();
        return scope.Keep(Transform(c).Reshape(InputShape.Batch(c.Size(0))));
    }

    /// <inheritdoc/>
    public override Tensor UT(Tensor y)
    {
        CheckMeasurements(y);
        using var scope = new Scope();
        return scope.Keep(Tensor.Zeros([y.Size(0), InputShape.Channels, _n], y.DType, y.Device).IndexCopyInPlace(2, _rows.To(y.Device), y));
    }

    /// <inheritdoc/>
    public override Tensor U(Tensor c)
    {
        using var scope = new Scope();
        return scope.Keep(c.IndexSelect(2, _rows.To(c.Device)));
    }

    /// <inheritdoc/>
    protected override void FreeTensors() => _rows.Dispose();

    // H_{ab} = H_a (x) H_b: the vector as a tensor with one axis for each factor, transformed axis by axis.
    private Tensor Transform(Tensor x)
    {
        var images = x.Size(0) * InputShape.Channels;
        var after = _n;
        var v = x;
        for (var i = 0; i < _factors.Length; i++)
        {
            var size = _factors[i];
            after /= size;
            var matrix = _matrices[i].For(x);
            var outer = images * _n / (size * after);
            v = after == 1
                ? v.Reshape(outer, size).MatMul(matrix)
                : matrix.Unsqueeze(0).Expand(outer, size, size).MatMul(v.Reshape(outer, size, after));
        }

        return v;
    }

    private static Tensor Sylvester(long size)
    {
        var matrix = new double[size * size];
        for (var i = 0L; i < size; i++)
        {
            for (var j = 0L; j < size; j++)
                matrix[i * size + j] = ((BitOperations.PopCount((ulong)(i & j)) & 1) == 0 ? 1 : -1) / Math.Sqrt(size);
        }

        return Tensor.From(matrix, size, size);
    }
}
