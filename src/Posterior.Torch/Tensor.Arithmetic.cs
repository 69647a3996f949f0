namespace Posterior.Torch;

public sealed partial class Tensor
{
    private static readonly Op _add = new("aten::add", "Tensor"), _addScalar = new("aten::add", "Scalar"), _sub = new("aten::sub", "Tensor"),
        _subScalar = new("aten::sub", "Scalar"), _rsub = new("aten::rsub", "Scalar"), _mul = new("aten::mul", "Tensor"), _mulScalar = new("aten::mul", "Scalar"),
        _div = new("aten::div", "Tensor"), _divScalar = new("aten::div", "Scalar"), _reciprocal = new("aten::reciprocal"), _neg = new("aten::neg"),
        _pow = new("aten::pow", "Tensor_Scalar"), _sqrt = new("aten::sqrt"), _rsqrt = new("aten::rsqrt"), _exp = new("aten::exp"), _log = new("aten::log"),
        _log1p = new("aten::log1p"), _expm1 = new("aten::expm1"), _sin = new("aten::sin"), _cos = new("aten::cos"), _erf = new("aten::erf"), _abs = new("aten::abs"),
        _sign = new("aten::sign"), _square = new("aten::square"), _round = new("aten::round"), _floor = new("aten::floor"),
        _clamp = new("aten::clamp"), _maximum = new("aten::maximum"),
        _lerp = new("aten::lerp", "Scalar"), _addcmul = new("aten::addcmul"), _where = new("aten::where", "self"), _isFinite = new("aten::isfinite"), _isNan = new("aten::isnan"),
        _eq = new("aten::eq", "Scalar"), _ne = new("aten::ne", "Scalar"), _lt = new("aten::lt", "Scalar"), _le = new("aten::le", "Scalar"), _gt = new("aten::gt", "Scalar"), _ge = new("aten::ge", "Scalar"),
        _eqTensor = new("aten::eq", "Tensor"), _ltTensor = new("aten::lt", "Tensor"), _gtTensor = new("aten::gt", "Tensor"), _not = new("aten::logical_not"), _and = new("aten::logical_and"), _or = new("aten::logical_or"),
        _conj = new("aten::conj"), _real = new("aten::real"), _imag = new("aten::imag"), _complex = new("aten::complex"),
        _addInto = new("aten::add_", "Tensor"), _addScalarInto = new("aten::add_", "Scalar"), _subInto = new("aten::sub_", "Tensor"), _mulInto = new("aten::mul_", "Tensor"), _mulScalarInto = new("aten::mul_", "Scalar"),
        _divInto = new("aten::div_", "Tensor"), _fillInto = new("aten::fill_", "Scalar"), _zeroInto = new("aten::zero_"), _clampInto = new("aten::clamp_"), _lerpInto = new("aten::lerp_", "Scalar"),
        _addcmulInto = new("aten::addcmul_"), _addcdivInto = new("aten::addcdiv_"), _sqrtInto = new("aten::sqrt_");

    /// <summary>Elementwise sum, broadcast.</summary>
    public static Tensor operator +(Tensor a, Tensor b) => _add.Call(a, b);

    /// <summary>Adds a number to each element.</summary>
    public static Tensor operator +(Tensor a, double b) => _addScalar.Call(a, b);

    /// <summary>Adds a number to each element.</summary>
    public static Tensor operator +(double a, Tensor b) => _addScalar.Call(b, a);

    /// <summary>Elementwise difference, broadcast.</summary>
    public static Tensor operator -(Tensor a, Tensor b) => _sub.Call(a, b);

    /// <summary>Subtracts a number from each element.</summary>
    public static Tensor operator -(Tensor a, double b) => _subScalar.Call(a, b);

    /// <summary>Subtracts each element from a number.</summary>
    public static Tensor operator -(double a, Tensor b) => _rsub.Call(b, a);

    /// <summary>Negation.</summary>
    public static Tensor operator -(Tensor a) => _neg.Call(a);

    /// <summary>Elementwise product, broadcast.</summary>
    public static Tensor operator *(Tensor a, Tensor b) => _mul.Call(a, b);

    /// <summary>Scales each element.</summary>
    public static Tensor operator *(Tensor a, double b) => _mulScalar.Call(a, b);

    /// <summary>Scales each element.</summary>
    public static Tensor operator *(double a, Tensor b) => _mulScalar.Call(b, a);

    /// <summary>Elementwise quotient, broadcast.</summary>
    public static Tensor operator /(Tensor a, Tensor b) => _div.Call(a, b);

    /// <summary>Divides each element by a number.</summary>
    public static Tensor operator /(Tensor a, double b) => _divScalar.Call(a, b);

    /// <summary>Divides a number by each element.</summary>
    public static Tensor operator /(double a, Tensor b)
    {
        using var inverse = _reciprocal.Call(b);
        return _mulScalar.Call(inverse, a);
    }

    /// <summary>Each element to a power.</summary>
    public Tensor Pow(double exponent) => _pow.Call(this, exponent);

    /// <summary>Square root.</summary>
    public Tensor Sqrt() => _sqrt.Call(this);

    /// <summary>1 / square root.</summary>
    public Tensor Rsqrt() => _rsqrt.Call(this);

    /// <summary>1 / x.</summary>
    public Tensor Reciprocal() => _reciprocal.Call(this);

    /// <summary>Exponential.</summary>
    public Tensor Exp() => _exp.Call(this);

    /// <summary>exp(x) - 1.</summary>
    public Tensor Expm1() => _expm1.Call(this);

    /// <summary>Natural logarithm.</summary>
    public Tensor Log() => _log.Call(this);

    /// <summary>ln(1 + x).</summary>
    public Tensor Log1p() => _log1p.Call(this);

    /// <summary>Sine.</summary>
    public Tensor Sin() => _sin.Call(this);

    /// <summary>Cosine.</summary>
    public Tensor Cos() => _cos.Call(this);

    /// <summary>The error function.</summary>
    public Tensor Erf() => _erf.Call(this);

    /// <summary>Absolute value; the modulus of complex elements.</summary>
    public Tensor Abs() => _abs.Call(this);

    /// <summary>-1, 0 or 1.</summary>
    public Tensor Sign() => _sign.Call(this);

    /// <summary>x * x.</summary>
    public Tensor Square() => _square.Call(this);

    /// <summary>The nearest integer, halves to even.</summary>
    public Tensor Round() => _round.Call(this);

    /// <summary>The next lower integer.</summary>
    public Tensor Floor() => _floor.Call(this);

    /// <summary>Elements limited to an interval; null leaves a side open.</summary>
    public Tensor Clamp(double? min, double? max) => _clamp.Call(this, min is { } low ? low : Value.None, max is { } high ? high : Value.None);

    /// <summary>The larger element of two, broadcast.</summary>
    public Tensor Maximum(Tensor other) => _maximum.Call(this, other);

    /// <summary>this + weight (end - this).</summary>
    public Tensor Lerp(Tensor end, double weight) => _lerp.Call(this, end, weight);

    /// <summary>this + value * a * b.</summary>
    public Tensor AddProduct(Tensor a, Tensor b, double value = 1) => _addcmul.Call(this, a, b, value);

    /// <summary>this + factor * other, in one pass.</summary>
    public Tensor AddScaled(Tensor other, double factor) => _add.Call(this, other, factor);

    /// <summary>Elements of <paramref name="yes"/> where this (Bool) holds, of <paramref name="no"/> elsewhere.</summary>
    public Tensor Where(Tensor yes, Tensor no) => _where.Call(this, yes, no);

    /// <summary>Where elements are neither infinite nor NaN.</summary>
    public Tensor IsFinite() => _isFinite.Call(this);

    /// <summary>Where elements are NaN.</summary>
    public Tensor IsNan() => _isNan.Call(this);

    /// <summary>Where elements equal a number.</summary>
    public Tensor Equal(double value) => _eq.Call(this, value);

    /// <summary>Where elements equal those of another tensor.</summary>
    public Tensor Equal(Tensor other) => _eqTensor.Call(this, other);

    /// <summary>Where elements differ from a number.</summary>
    public Tensor NotEqual(double value) => _ne.Call(this, value);

    /// <summary>Where elements are less than a number.</summary>
    public Tensor Less(double value) => _lt.Call(this, value);

    /// <summary>Where elements are less than those of another tensor.</summary>
    public Tensor Less(Tensor other) => _ltTensor.Call(this, other);

    /// <summary>Where elements are at most a number.</summary>
    public Tensor LessOrEqual(double value) => _le.Call(this, value);

    /// <summary>Where elements are greater than a number.</summary>
    public Tensor Greater(double value) => _gt.Call(this, value);

    /// <summary>Where elements are greater than those of another tensor.</summary>
    public Tensor Greater(Tensor other) => _gtTensor.Call(this, other);

    /// <summary>Where elements are at least a number.</summary>
    public Tensor GreaterOrEqual(double value) => _ge.Call(this, value);

    /// <summary>Where this does not hold.</summary>
    public Tensor Not() => _not.Call(this);

    /// <summary>Where both hold.</summary>
    public Tensor And(Tensor other) => _and.Call(this, other);

    /// <summary>Where either holds.</summary>
    public Tensor Or(Tensor other) => _or.Call(this, other);

    /// <summary>Complex conjugate.</summary>
    public Tensor Conj() => _conj.Call(this);

    /// <summary>The real parts, a view.</summary>
    public Tensor Real() => _real.Call(this);

    /// <summary>The imaginary parts, a view.</summary>
    public Tensor Imag() => _imag.Call(this);

    /// <summary>A complex tensor of its parts.</summary>
    public static Tensor Complex(Tensor real, Tensor imaginary) => _complex.Call(real, imaginary);

    /// <summary>Adds <paramref name="factor"/> * <paramref name="other"/> in place.</summary>
    /// <returns>This tensor.</returns>
    public Tensor AddInPlace(Tensor other, double factor = 1) => InPlace(_addInto.Call(this, other, factor));

    /// <summary>Adds a number in place.</summary>
    /// <returns>This tensor.</returns>
    public Tensor AddInPlace(double value) => InPlace(_addScalarInto.Call(this, value));

    /// <summary>Subtracts in place.</summary>
    /// <returns>This tensor.</returns>
    public Tensor SubtractInPlace(Tensor other) => InPlace(_subInto.Call(this, other));

    /// <summary>Multiplies in place.</summary>
    /// <returns>This tensor.</returns>
    public Tensor MultiplyInPlace(Tensor other) => InPlace(_mulInto.Call(this, other));

    /// <summary>Scales in place.</summary>
    /// <returns>This tensor.</returns>
    public Tensor MultiplyInPlace(double factor) => InPlace(_mulScalarInto.Call(this, factor));

    /// <summary>Divides in place.</summary>
    /// <returns>This tensor.</returns>
    public Tensor DivideInPlace(Tensor other) => InPlace(_divInto.Call(this, other));

    /// <summary>Sets every element.</summary>
    /// <returns>This tensor.</returns>
    public Tensor Fill(double value) => InPlace(_fillInto.Call(this, value));

    /// <summary>Sets every element to 0.</summary>
    /// <returns>This tensor.</returns>
    public Tensor Zero() => InPlace(_zeroInto.Call(this));

    /// <summary>Limits the elements in place.</summary>
    /// <returns>This tensor.</returns>
    public Tensor ClampInPlace(double? min, double? max) => InPlace(_clampInto.Call(this, min is { } low ? low : Value.None, max is { } high ? high : Value.None));

    /// <summary>this += weight (end - this).</summary>
    /// <returns>This tensor.</returns>
    public Tensor LerpInPlace(Tensor end, double weight) => FastPath.LerpInPlace(this, end, weight) ? this : InPlace(_lerpInto.Call(this, end, weight));

    /// <summary>this += value * a * b.</summary>
    /// <returns>This tensor.</returns>
    public Tensor AddProductInPlace(Tensor a, Tensor b, double value = 1) => InPlace(_addcmulInto.Call(this, a, b, value));

    /// <summary>this += value * a / b.</summary>
    /// <returns>This tensor.</returns>
    public Tensor AddQuotientInPlace(Tensor a, Tensor b, double value = 1) => InPlace(_addcdivInto.Call(this, a, b, value));

    /// <summary>Square root in place.</summary>
    /// <returns>This tensor.</returns>
    public Tensor SqrtInPlace() => InPlace(_sqrtInto.Call(this));

    // In-place operators return a second handle to the same tensor; the first stays the one in use.
    private Tensor InPlace(Tensor second)
    {
        second.Dispose();
        return this;
    }
}
