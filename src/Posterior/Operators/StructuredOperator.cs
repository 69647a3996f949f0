using Posterior.Imaging;
using Posterior.Torch;

namespace Posterior.Operators;

/// <summary>
/// A spectral operator with stored singular values: what the closed-form operators have in common. They take images in single and in
/// double precision, results never share memory with arguments, and <see cref="Dispose"/> frees their tensors.
/// </summary>
/// <param name="name">The text form.</param>
/// <param name="input">The shape of images.</param>
/// <param name="output">The shape of measurements, without the batch.</param>
public abstract class StructuredOperator(string name, ImageShape input, params long[] output) : SpectralOperator
{
    private readonly List<Constant> _constants = [];
    private Constant? _singularValues;
    private Constant? _inverse;

    /// <inheritdoc/>
    public sealed override string Name => name;

    /// <inheritdoc/>
    public sealed override ImageShape InputShape => input;

    /// <inheritdoc/>
    public sealed override IReadOnlyList<long> OutputShape => output;

    /// <summary>The type of <see cref="SingularValues"/>: that of the images to come, single precision unless stated.</summary>
    public DType DType { get; init; } = DType.Float32;

    /// <summary>The device of <see cref="SingularValues"/>: that of the images to come, the host unless stated.</summary>
    public Device Device { get; init; }

    /// <inheritdoc/>
    /// <remarks>Owned by the operator, of type <see cref="DType"/> on <see cref="Device"/>: do not change or dispose it.</remarks>
    public sealed override Tensor SingularValues => Spectrum.In(DType, Device);

    /// <summary>The singular values in any precision.</summary>
    protected Constant Spectrum => _singularValues ?? throw new InvalidOperationException($"{name} has set no singular values");

    /// <inheritdoc/>
    public sealed override Tensor InverseSingularValues() => InverseSpectrum().In(DType, Device).Alias();

    /// <inheritdoc/>
    public override Tensor Apply(Tensor x)
    {
        using var scope = new Scope();
        return scope.Keep(U(VT(x) * Spectrum.For(x)));
    }

    /// <inheritdoc/>
    public override Tensor Adjoint(Tensor y)
    {
        using var scope = new Scope();
        return scope.Keep(V(UT(y) * Spectrum.For(y)));
    }

    /// <inheritdoc/>
    public override Tensor PseudoInverse(Tensor y)
    {
        using var scope = new Scope();
        return scope.Keep(V(UT(y) * InverseSpectrum().For(y)));
    }

    /// <inheritdoc/>
    public sealed override void Dispose()
    {
        foreach (var constant in _constants) constant.Dispose();
        FreeTensors();
        base.Dispose();
    }

    /// <summary>A height or width over the step in which it is sampled.</summary>
    /// <exception cref="OperatorException">The step is not positive, or does not divide it.</exception>
    protected static long Divide(long size, int step, ImageShape shape, string name)
    {
        if (step < 1) throw new OperatorException($"operator '{name}': the stride must be positive, found {step}");
        return size % step == 0 && size > 0
            ? size / step
            : throw new OperatorException($"operator '{name}': height and width must be multiples of {step}, found {shape.Height} rows x {shape.Width} columns");
    }

    /// <summary>Frees what an operator keeps besides its constants.</summary>
    protected virtual void FreeTensors()
    {
    }

    /// <summary>Sets the singular values, once, in the constructor; takes the tensor over.</summary>
    protected void SetSingularValues(Tensor values) => _singularValues = Own(values);

    /// <summary>Takes over a tensor that lives as long as the operator.</summary>
    protected Constant Own(Tensor tensor) => Own(new Constant(tensor));

    /// <summary>Takes over a constant.</summary>
    protected Constant Own(Constant constant)
    {
        lock (_constants)
            _constants.Add(constant);
        return constant;
    }

    private Constant InverseSpectrum()
    {
        if (_inverse is { } known) return known;
        using var scope = new Scope();
        var s = Spectrum.Exact;
        var observed = s.Greater(0);
        return _inverse = Own(observed.Where(observed.Where(s, s.OnesLike()).Reciprocal(), s.ZerosLike()));
    }
}
