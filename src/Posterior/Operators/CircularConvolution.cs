using Posterior.Imaging;
using Posterior.Torch;

namespace Posterior.Operators;

/// <summary>
/// Convolution with any two-dimensional kernel on a torus, optionally keeping every s-th row and column:
/// <c>y[p] = sum_d k[d] x[s p - d]</c> on each channel, offsets d counted from the kernel's middle pixel.
/// </summary>
/// <remarks>
/// The image is split in its <c>s^2</c> polyphase images <c>X_a[i] = x[s i + a]</c>; then each of their frequencies is measured on its own,
/// <c>y(q) = sum_a K_a(q) X_a(q)</c>, a matrix of one row with the singular value <c>s(q) = |K(q)|</c>. A Householder reflection over a completes
/// <c>K(q)* / s(q)</c> to an orthonormal basis. Coordinates are complex, <c>[N, C, s^2, H/s, W/(2s) + 1]</c>: the half of the unitary Fourier transform that
/// real images need; the observed ones have index 0 in the third dimension.
/// </remarks>
public sealed class CircularConvolution : StructuredOperator
{
    /// <summary>Singular values below this are zero unless stated.</summary>
    public const double DefaultThreshold = 1e-3;

    private readonly long _stride;
    private readonly long _rows;
    private readonly long _columns;
    private readonly Polyphase _phases;

    // K and K^+ of each frequency, [1, 1, s^2, H/s, W/(2s) + 1], without the singular values that are zero.
    private readonly Constant _k;
    private readonly Constant _pseudoInverse;

    // The reflection I - v w, its phase in row 0, and 1 where a frequency is observed.
    private readonly Constant _v;
    private readonly Constant _w;
    private readonly Constant _phase;
    private readonly Constant _observed;
    private readonly Func<Tensor> _untruncated;

    /// <summary>Convolves images.</summary>
    /// <param name="shape">The shape of images; height and width are multiples of the stride.</param>
    /// <param name="kernel"><c>[rows, columns]</c>, at most as large as the image; its middle is pixel (rows / 2, columns / 2). It is copied.</param>
    /// <param name="stride">s, the step between measured pixels.</param>
    /// <param name="threshold">Singular values below it are zero; at least 0.</param>
    /// <param name="name">The text form.</param>
    /// <exception cref="OperatorException">The kernel is too large, not finite or zero, the stride does not divide the size, or a number is out of range.</exception>
    public CircularConvolution(ImageShape shape, Tensor kernel, int stride = 1, double threshold = DefaultThreshold, string name = "kernel")
        : base(name, shape, shape.Channels, Divide(shape.Height, stride, shape, name), Divide(shape.Width, stride, shape, name))
    {
        if (!(threshold >= 0)) throw new OperatorException($"operator '{name}': the threshold must be 0 or more");
        if (kernel.Rank != 2 || kernel.Count == 0 || kernel.Size(0) > shape.Height || kernel.Size(1) > shape.Width)
        {
            throw new OperatorException(
                $"operator '{name}': the kernel must be a plane of at most {shape.Height} rows x {shape.Width} columns, found {string.Join(" x ", kernel.Shape.ToArray())}");
        }

        using var scope = new Scope();
        (_stride, _rows, _columns) = (stride, shape.Height / stride, shape.Width / stride);
        _phases = new Polyphase(stride, _rows, _columns);
        var taps = kernel.To(Device.Cpu).To(DType.Float64).ToArray<double>();
        if (!taps.All(double.IsFinite) || taps.All(t => t == 0)) throw new OperatorException($"operator '{name}': the kernel must be finite and not zero");
        var (kernelRows, kernelColumns) = (kernel.Size(0), kernel.Size(1));
        _untruncated = () => _phases.Frequencies(taps, kernelRows, kernelColumns).Unsqueeze(0);

        var k = _untruncated();
        var s = k.Abs().Square().Sum([2], keepDimensions: true).Sqrt();
        var usable = s.Greater(1e-13 * s.Max().Item());
        var observed = usable.And(s.GreaterOrEqual(threshold));
        s = observed.Where(s, s.ZerosLike());
        _k = Own(k * observed.To(DType.Float64));
        _observed = Own(observed.To(DType.Float64));
        var inverse = observed.Where(observed.Where(s, s.OnesLike()).Square().Reciprocal(), s.ZerosLike());
        _pseudoInverse = Own(k.Conj() * _observed.Exact * inverse);
        var phases = (long)stride * stride;
        SetSingularValues(Tensor.Cat([s, Tensor.Zeros([1, 1, phases - 1, _rows, _columns / 2 + 1], DType.Float64)], 2));

        // The unit vector a = K* / |K|, e1 where K vanishes; v = a + p e1 with p the phase of a_1; w = 2 v* / v*v.
        var length = k.Abs().Square().Sum([2], keepDimensions: true).Sqrt();
        var first = Tensor.Zeros([1, 1, phases, 1, 1], DType.Complex128);
        first.Narrow(2, 0, 1).Fill(1);
        var a = usable.Where(k.Conj() / usable.Where(length, length.OnesLike()), first);
        var a1 = a.Narrow(2, 0, 1);
        var modulus = a1.Abs();
        var p = modulus.Greater(0).Where(a1 / modulus.Greater(0).Where(modulus, modulus.OnesLike()), a1.OnesLike());
        var v = a + first * p;
        _v = Own(v);
        _w = Own(v.Conj() / (modulus + 1));
        _phase = Own(-p);
    }

    /// <inheritdoc/>
    public override Tensor VT(Tensor x)
    {
        CheckImages(x);
        using var scope = new Scope();
        var f = Polyphase.Fourier(_phases.Split(x));
        var c = Reflect(f);
        First(c).MultiplyInPlace(_phase.For(c).Conj());
        return scope.Keep(c);
    }

    /// <inheritdoc/>
    public override Tensor V(Tensor c)
    {
        using var scope = new Scope();
        var turned = _stride == 1 ? c * _phase.For(c) : Tensor.Cat([First(c) * _phase.For(c), c.Narrow(2, 1, _stride * _stride - 1)], 2);
        return scope.Keep(_phases.Interleave(_phases.Inverse(Reflect(turned))));
    }

    /// <inheritdoc/>
    public override Tensor UT(Tensor y)
    {
        CheckMeasurements(y);
        using var scope = new Scope();
        var f = Polyphase.Fourier(y.Unsqueeze(2)) * _observed.For(y);
        return scope.Keep(_stride == 1 ? f : Tensor.Cat([f, Tensor.Zeros([f.Size(0), f.Size(1), _stride * _stride - 1, f.Size(3), f.Size(4)], f.DType, f.Device)], 2));
    }

    /// <inheritdoc/>
    public override Tensor U(Tensor c)
    {
        using var scope = new Scope();
        return scope.Keep(_phases.Inverse(First(c) * _observed.For(c)).Squeeze(2));
    }

    /// <inheritdoc/>
    public override Tensor Apply(Tensor x) => Measure(x, _k.For(x));

    /// <inheritdoc/>
    public override Tensor Adjoint(Tensor y)
    {
        CheckMeasurements(y);
        using var scope = new Scope();
        return scope.Keep(_phases.Interleave(_phases.Inverse(Polyphase.Fourier(y.Unsqueeze(2)) * _k.For(y).Conj())));
    }

    /// <inheritdoc/>
    public override Tensor PseudoInverse(Tensor y)
    {
        CheckMeasurements(y);
        using var scope = new Scope();
        return scope.Keep(_phases.Interleave(_phases.Inverse(Polyphase.Fourier(y.Unsqueeze(2)) * _pseudoInverse.For(y))));
    }

    /// <summary>The convolution with no singular value cut off.</summary>
    /// <param name="x"><c>[N, C, H, W]</c>.</param>
    /// <returns><c>[N, OutputShape]</c>.</returns>
    public Tensor ApplyUntruncated(Tensor x)
    {
        using var scope = new Scope();
        using var k = new Constant(_untruncated());
        return scope.Keep(Measure(x, k.For(x)));
    }

    private static Tensor First(Tensor c) => c.Narrow(2, 0, 1);

    private Tensor Measure(Tensor x, Tensor k)
    {
        CheckImages(x);
        using var scope = new Scope();
        return scope.Keep(_phases.Inverse((Polyphase.Fourier(_phases.Split(x)) * k).Sum([2], keepDimensions: true)).Squeeze(2));
    }

    private Tensor Reflect(Tensor f) => f - _v.For(f) * (f * _w.For(f)).Sum([2], keepDimensions: true);
}
