namespace Posterior.Torch;

public sealed partial class Tensor
{
    private static readonly Op _matmul = new("aten::matmul"), _einsum = new("aten::einsum"), _svd = new("aten::linalg_svd"), _svdvals = new("aten::linalg_svdvals"), _pinv = new("aten::linalg_pinv"),
        _eigh = new("aten::linalg_eigh"), _qr = new("aten::linalg_qr"), _solve = new("aten::linalg_solve"), _cholesky = new("aten::linalg_cholesky"), _inverse = new("aten::linalg_inv"), _slogdet = new("aten::linalg_slogdet"),
        _fft2 = new("aten::fft_fft2"), _ifft2 = new("aten::fft_ifft2"), _rfft2 = new("aten::fft_rfft2"), _irfft2 = new("aten::fft_irfft2"), _fft = new("aten::fft_fft");

    /// <summary>Matrix product, batched over leading dimensions.</summary>
    public Tensor MatMul(Tensor other)
    {
        if (!IsCalculatedInSingle(other)) return _matmul.Call(this, other);
        using var scope = new Scope();
        return scope.Keep(_matmul.Call(To(DType.Float32), other.To(DType.Float32)).To(DType.BFloat16));
    }

    /// <summary>Einstein summation.</summary>
    public static Tensor Einsum(string equation, params Tensor[] operands) => _einsum.Call(equation, operands, Value.None);

    /// <summary>Singular value decomposition A = U diag(S) Vh; thin unless <paramref name="full"/>. Singular values descend.</summary>
    public (Tensor U, Tensor S, Tensor Vh) Svd(bool full = false) =>
        _svd.CallMany(this, full) is [var u, var s, var vh] ? (u, s, vh) : throw new InvalidOperationException();

    /// <summary>The singular values alone, descending.</summary>
    public Tensor SingularValues() => _svdvals.Call(this);

    /// <summary>The Moore-Penrose pseudo-inverse of a matrix.</summary>
    public Tensor PseudoInverse(double relativeTolerance = 1e-15) => _pinv.Call(this, relativeTolerance, false);

    /// <summary>Eigenvalues (ascending) and eigenvectors (columns) of a symmetric matrix.</summary>
    public (Tensor Values, Tensor Vectors) SymmetricEigen() =>
        _eigh.CallMany(this, "L") is [var values, var vectors] ? (values, vectors) : throw new InvalidOperationException();

    /// <summary>Reduced QR decomposition.</summary>
    public (Tensor Q, Tensor R) Qr() => _qr.CallMany(this, "reduced") is [var q, var r] ? (q, r) : throw new InvalidOperationException();

    /// <summary>X with this X = B.</summary>
    public Tensor Solve(Tensor b) => _solve.Call(this, b);

    /// <summary>The lower Cholesky factor of a symmetric positive definite matrix.</summary>
    public Tensor Cholesky() => _cholesky.Call(this);

    /// <summary>The inverse of a square matrix.</summary>
    public Tensor Inverse() => _inverse.Call(this);

    /// <summary>The sign and the logarithm of the modulus of the determinant.</summary>
    public (Tensor Sign, Tensor LogAbs) SignLogDeterminant() => _slogdet.CallMany(this) is [var sign, var log] ? (sign, log) : throw new InvalidOperationException();

    /// <summary>Discrete Fourier transform over the last two dimensions.</summary>
    public Tensor Fft2() => _fft2.Call(this);

    /// <summary>Inverse of <see cref="Fft2"/>.</summary>
    public Tensor InverseFft2() => _ifft2.Call(this);

    /// <summary>Discrete Fourier transform of real images: the last dimension has W/2 + 1 coefficients.</summary>
    public Tensor RealFft2() => _rfft2.Call(this);

    /// <summary>Inverse of <see cref="RealFft2"/> for images of the given height and width.</summary>
    public Tensor InverseRealFft2(long height, long width) => _irfft2.Call(this, new[] { height, width });

    /// <summary>Discrete Fourier transform over one dimension.</summary>
    public Tensor Fft(int dimension = -1) => _fft.Call(this, Value.None, dimension);
}
