using Posterior.Imaging;
using Posterior.Torch;

namespace Posterior.Operators;

/// <summary>
/// A strided separable filter, <c>Y = A_v X A_h^T</c> on each channel: blur (stride 1) and bicubic downsampling. The decomposition is that of two
/// small matrices (DDRM, Kawar et al. 2022, App. D.5): coordinates <c>V_v^T X V_h</c> are image shaped, with singular values <c>s_v s_h</c>.
/// </summary>
/// <remarks>
/// One-dimensional singular values below the threshold are zero, so H is the filter's best approximation that can be inverted without
/// blowing noise up; <see cref="ApplyUntruncated"/> is the filter itself.
/// </remarks>
public sealed class SeparableConvolution : StructuredOperator
{
    /// <summary>The one-dimensional singular values that count as zero are those below this, as in DDRM's code.</summary>
    public const double DefaultThreshold = 0.03;

    private readonly AxisDecomposition _v;
    private readonly AxisDecomposition _h;
    private readonly Constant? _observed;
    private readonly Lazy<(Constant V, Constant H)> _forward;
    private readonly Lazy<(Constant V, Constant H)> _inverse;
    private readonly Func<(Tensor V, Tensor H)> _untruncated;

    /// <summary>Filters rows and columns.</summary>
    /// <param name="shape">The shape of images; height and width are multiples of the stride.</param>
    /// <param name="vertical">The filter along columns, over the row index.</param>
    /// <param name="horizontal">The filter along rows, over the column index.</param>
    /// <param name="stride">The step between measured pixels.</param>
    /// <param name="boundary">What lies beyond the edges.</param>
    /// <param name="threshold">One-dimensional singular values below it are zero; at least 0.</param>
    /// <param name="productThreshold">Products <c>s_v s_h</c> below it are zero as well; 0 keeps them all.</param>
    /// <param name="name">The text form.</param>
    /// <exception cref="OperatorException">A number is out of range, a filter is empty or not finite, or the stride does not divide the size.</exception>
    public SeparableConvolution(
        ImageShape shape,
        Filter vertical,
        Filter horizontal,
        int stride = 1,
        Boundary boundary = Boundary.Zero,
        double threshold = DefaultThreshold,
        double productThreshold = 0,
        string name = "deblur")
        : base(name, shape, shape.Channels, Divide(shape.Height, stride, shape, name), Divide(shape.Width, stride, shape, name))
    {
        if (!(threshold >= 0 && productThreshold >= 0)) throw new OperatorException($"operator '{name}': a threshold must be 0 or more");
        using var scope = new Scope();
        _untruncated = () => (vertical.Matrix(shape.Height, stride, boundary), horizontal.Matrix(shape.Width, stride, boundary));
        var (av, ah) = _untruncated();
        _v = OwnParts(new AxisDecomposition(av, threshold));
        _h = shape.Height == shape.Width && vertical.Equals(horizontal) ? _v : OwnParts(new AxisDecomposition(ah, threshold));
        var values = (_v.S.Exact.Unsqueeze(1) * _h.S.Exact.Unsqueeze(0)).Reshape(1, 1, shape.Height, shape.Width);
        if (productThreshold > 0)
        {
            var observed = values.GreaterOrEqual(productThreshold).To(DType.Float64);
            _observed = Own(observed);
            values = values * observed;
        }

        SetSingularValues(values);
        _forward = new(() => Matrices((u, s, v) => (u * s.Narrow(0, 0, u.Size(0))).MatMul(v.Narrow(1, 0, u.Size(0)).Transpose(0, 1))));
        _inverse = new(() => Matrices((u, s, v) => v.Narrow(1, 0, u.Size(0)).MatMul((u * Inverse(s.Narrow(0, 0, u.Size(0)))).Transpose(0, 1))));
    }

    /// <summary>How many one-dimensional singular values are zero: along columns, along rows.</summary>
    public (int Vertical, int Horizontal) Zeroed => (_v.Zeroed, _h.Zeroed);

    /// <inheritdoc/>
    public override Tensor VT(Tensor x)
    {
        CheckImages(x);
        using var scope = new Scope();
        return scope.Keep(Multiply(_v.V.For(x).Transpose(0, 1), x, _h.V.For(x)));
    }

    /// <inheritdoc/>
    public override Tensor V(Tensor c)
    {
        using var scope = new Scope();
        return scope.Keep(Multiply(_v.V.For(c), c, _h.V.For(c).Transpose(0, 1)));
    }

    /// <inheritdoc/>
    public override Tensor UT(Tensor y)
    {
        CheckMeasurements(y);
        using var scope = new Scope();
        var c = Multiply(_v.U.For(y).Transpose(0, 1), y, _h.U.For(y));
        if (OutputShape[1] != InputShape.Height || OutputShape[2] != InputShape.Width)
            c = c.Pad([0, InputShape.Width - OutputShape[2], 0, InputShape.Height - OutputShape[1]]);
        return scope.Keep(Observed(c));
    }

    /// <inheritdoc/>
    public override Tensor U(Tensor c)
    {
        using var scope = new Scope();
        c = Observed(c).Narrow(2, 0, OutputShape[1]).Narrow(3, 0, OutputShape[2]);
        return scope.Keep(Multiply(_v.U.For(c), c, _h.U.For(c).Transpose(0, 1)));
    }

    /// <inheritdoc/>
    public override Tensor Apply(Tensor x)
    {
        if (_observed is not null) return base.Apply(x);
        CheckImages(x);
        using var scope = new Scope();
        var (v, h) = _forward.Value;
        return scope.Keep(Multiply(v.For(x), x, h.For(x).Transpose(0, 1)));
    }

    /// <inheritdoc/>
    public override Tensor Adjoint(Tensor y)
    {
        if (_observed is not null) return base.Adjoint(y);
        CheckMeasurements(y);
        using var scope = new Scope();
        var (v, h) = _forward.Value;
        return scope.Keep(Multiply(v.For(y).Transpose(0, 1), y, h.For(y)));
    }

    /// <inheritdoc/>
    public override Tensor PseudoInverse(Tensor y)
    {
        if (_observed is not null) return base.PseudoInverse(y);
        CheckMeasurements(y);
        using var scope = new Scope();
        var (v, h) = _inverse.Value;
        return scope.Keep(Multiply(v.For(y), y, h.For(y).Transpose(0, 1)));
    }

    /// <summary>The filter as a camera applies it, with no singular value cut off.</summary>
    /// <param name="x"><c>[N, C, H, W]</c>.</param>
    /// <returns><c>[N, OutputShape]</c>.</returns>
    public Tensor ApplyUntruncated(Tensor x)
    {
        CheckImages(x);
        using var scope = new Scope();
        var (v, h) = _untruncated();
        return scope.Keep(Multiply(v.To(x.DType).To(x.Device), x, h.To(x.DType).To(x.Device).Transpose(0, 1)));
    }

    private static Tensor Inverse(Tensor s)
    {
        var observed = s.Greater(0);
        return observed.Where(observed.Where(s, s.OnesLike()).Reciprocal(), s.ZerosLike());
    }

    // left X right on each channel; the side that shrinks the image goes first.
    private static Tensor Multiply(Tensor left, Tensor x, Tensor right)
    {
        var (n, c, h, w) = (x.Size(0), x.Size(1), x.Size(2), x.Size(3));
        var planes = left.Unsqueeze(0).Expand(n * c, left.Size(0), left.Size(1));
        if (right.Size(1) <= right.Size(0))
            return planes.MatMul(x.Reshape(-1, w).MatMul(right).Reshape(n * c, h, -1)).Reshape(n, c, left.Size(0), right.Size(1));
        return planes.MatMul(x.Reshape(n * c, h, w)).Reshape(-1, w).MatMul(right).Reshape(n, c, left.Size(0), right.Size(1));
    }

    private Tensor Observed(Tensor c) => _observed is null ? c : c * _observed.For(c);

    private AxisDecomposition OwnParts(AxisDecomposition axis)
    {
        Own(axis.U);
        Own(axis.S);
        Own(axis.V);
        return axis;
    }

    private (Constant V, Constant H) Matrices(Func<Tensor, Tensor, Tensor, Tensor> matrix)
    {
        using var scope = new Scope();
        var v = Own(matrix(_v.U.Exact, _v.S.Exact, _v.V.Exact));
        return (v, ReferenceEquals(_v, _h) ? v : Own(matrix(_h.U.Exact, _h.S.Exact, _h.V.Exact)));
    }
}
