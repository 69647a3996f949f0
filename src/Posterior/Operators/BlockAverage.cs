using Posterior.Imaging;
using Posterior.Torch;

namespace Posterior.Operators;

/// <summary>
/// Super-resolution of block averages: each measured pixel is the mean of an <c>r x r</c> block. A Householder reflection in each block
/// turns the constant direction into its first pixel: coordinates are image shaped, the observed ones (<c>s = 1/r</c>) sit at the blocks' first
/// pixels, and <c>V = V^T</c>.
/// </summary>
public sealed class BlockAverage : StructuredOperator
{
    private readonly long _r;

    /// <summary>Averages over blocks.</summary>
    /// <param name="shape">The shape of images; height and width are multiples of the factor.</param>
    /// <param name="factor">r, at least 2.</param>
    /// <exception cref="OperatorException">The factor is below 2 or does not divide the size.</exception>
    public BlockAverage(ImageShape shape, int factor)
        : base($"sr{factor}", shape, shape.Channels, Divide(shape.Height, Checked(factor), shape, $"sr{factor}"), Divide(shape.Width, factor, shape, $"sr{factor}"))
    {
        using var scope = new Scope();
        _r = factor;
        var values = Tensor.Zeros([1, 1, shape.Height, shape.Width], DType.Float64);
        First(values).Fill(1.0 / factor);
        SetSingularValues(values);
    }

    /// <inheritdoc/>
    public override Tensor VT(Tensor x)
    {
        CheckImages(x);
        return Reflect(x);
    }

    /// <inheritdoc/>
    public override Tensor V(Tensor c) => Reflect(c);

    /// <inheritdoc/>
    public override Tensor UT(Tensor y)
    {
        CheckMeasurements(y);
        using var scope = new Scope();
        var c = Tensor.Zeros(InputShape.Batch(y.Size(0)), y.DType, y.Device);
        First(c).CopyFrom(y);
        return scope.Keep(c);
    }

    /// <inheritdoc/>
    public override Tensor U(Tensor c)
    {
        using var scope = new Scope();
        return scope.Keep(First(c).Clone().Contiguous());
    }

    /// <inheritdoc/>
    public override Tensor Apply(Tensor x)
    {
        CheckImages(x);
        return x.AveragePool(_r, _r);
    }

    /// <inheritdoc/>
    public override Tensor Adjoint(Tensor y)
    {
        using var scope = new Scope();
        return scope.Keep(PseudoInverse(y * (1.0 / (_r * _r))));
    }

    /// <inheritdoc/>
    public override Tensor PseudoInverse(Tensor y)
    {
        CheckMeasurements(y);
        return y.UpsampleNearest(InputShape.Height, InputShape.Width);
    }

    private static int Checked(int factor) => factor >= 2 ? factor : throw new OperatorException($"operator 'sr{factor}': the factor must be 2 or more");

    // x - t v with v = u - e1, u = (1, ..., 1) / r, t = 2 v'x / v'v and v'v = 2 (1 - 1/r): maps u to e1.
    private Tensor Reflect(Tensor x)
    {
        using var scope = new Scope();
        var (n, shape) = (x.Size(0), InputShape);
        var (rows, columns) = (shape.Height / _r, shape.Width / _r);
        var t = (x.AveragePool(_r, _r) * _r - First(x)) * (1 / (1 - 1.0 / _r));
        var blocks = x.Reshape(n, shape.Channels, rows, _r, columns, _r) - (t * (1.0 / _r)).Reshape(n, shape.Channels, rows, 1, columns, 1);
        var c = blocks.Reshape(shape.Batch(n));
        First(c).AddInPlace(t);
        return scope.Keep(c);
    }

    // A view of the first pixel of each block.
    private Tensor First(Tensor x) => x.Slice(2, 0, InputShape.Height, _r).Slice(3, 0, InputShape.Width, _r);
}
