using Posterior.Imaging;
using Posterior.Torch;

namespace Posterior.Operators;

/// <summary>
/// Means over nested blocks of 1, 2, 4, ... pixels, each level with its weight: symmetric, diagonal in the basis of Haar wavelets of both axes, whose coordinates are
/// image shaped.
/// </summary>
internal sealed class HaarAverage : StructuredOperator
{
    private readonly Constant _v, _h, _observed;

    /// <summary>An operator of the family.</summary>
    /// <param name="shape">The shape of images; height and width are multiples of 2^levels.</param>
    /// <param name="levels">The number of halvings.</param>
    /// <param name="weight">The singular value of what survives a number of halvings and no more, from 0 to <paramref name="levels"/>.</param>
    /// <param name="name">The text form.</param>
    /// <exception cref="OperatorException">The shape is no multiple.</exception>
    public HaarAverage(ImageShape shape, int levels, Func<int, double> weight, string name)
        : base(name, shape, shape.Channels, shape.Height, shape.Width)
    {
        if (shape.Height % (1 << levels) != 0 || shape.Width % (1 << levels) != 0)
            throw new OperatorException($"operator '{name}': height and width must be multiples of {1 << levels}, found {shape.Height} rows x {shape.Width} columns");
        using var scope = new Scope();
        var (v, vertical) = Basis(shape.Height, levels);
        var (h, horizontal) = Basis(shape.Width, levels);
        (_v, _h) = (Own(v), Own(h));
        var values = new double[shape.Height * shape.Width];
        for (var i = 0; i < values.Length; i++) values[i] = weight(Math.Min(vertical[i / shape.Width], horizontal[i % shape.Width]));
        SetSingularValues(Tensor.From(values, 1, 1, shape.Height, shape.Width));
        _observed = Own(Spectrum.Exact.Greater(0).To(DType.Float64));
    }

    public override Tensor VT(Tensor x)
    {
        CheckImages(x);
        using var scope = new Scope();
        return scope.Keep(_v.For(x).Transpose(0, 1).MatMul(x).MatMul(_h.For(x)));
    }

    public override Tensor V(Tensor c)
    {
        using var scope = new Scope();
        return scope.Keep(_v.For(c).MatMul(c).MatMul(_h.For(c).Transpose(0, 1)));
    }

    public override Tensor UT(Tensor y)
    {
        CheckMeasurements(y);
        using var scope = new Scope();
        return scope.Keep(VT(y) * _observed.For(y));
    }

    public override Tensor U(Tensor c)
    {
        using var scope = new Scope();
        return scope.Keep(V(c * _observed.For(c)));
    }

    // Orthonormal columns, and how many halvings each survives: a block's mean all, the difference of two blocks of 2^k pixels k.
    private static (Tensor Columns, int[] Kept) Basis(long length, int levels)
    {
        var (matrix, kept) = (new double[checked(length * length)], new int[length]);
        var column = 0;
        for (var level = 0; level <= levels; level++)
        {
            var (half, block) = (1 << level, level == levels ? 1 << level : 2 << level);
            for (var start = 0L; start < length; start += block)
            {
                for (var i = 0; i < block; i++) matrix[(start + i) * length + column] = (i < half ? 1 : -1) / Math.Sqrt(block);
                kept[column++] = level;
            }
        }
        return (Tensor.From(matrix, length, length), kept);
    }
}
