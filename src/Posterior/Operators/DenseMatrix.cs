using Posterior.Imaging;
using Posterior.Torch;

namespace Posterior.Operators;

/// <summary>
/// Any matrix: <c>y = H vec(x)</c> with images in row-major <c>[C, H, W]</c> order, or the same matrix on each channel. Coordinates are vectors
/// <c>[N, n]</c> or <c>[N, C, n]</c>, the observed ones first.
/// </summary>
public sealed class DenseMatrix : StructuredOperator, IFewObservations
{
    /// <summary>Singular values below this count as zero.</summary>
    public const double DefaultThreshold = 1e-3;

    private readonly Constant _h;
    private readonly MatrixDecomposition _decomposition;
    private readonly bool _perChannel;

    /// <summary>Multiplies images by a matrix.</summary>
    /// <param name="shape">The shape of images.</param>
    /// <param name="matrix"><c>[m, C H W]</c>, or <c>[m, H W]</c> for each channel. It is copied.</param>
    /// <param name="perChannel">Whether the matrix acts on each channel.</param>
    /// <param name="threshold">Singular values below it count as zero; at least 0.</param>
    /// <param name="name">The text form.</param>
    /// <exception cref="OperatorException">The matrix has another number of columns or is not finite.</exception>
    public DenseMatrix(ImageShape shape, Tensor matrix, bool perChannel = false, double threshold = DefaultThreshold, string name = "matrix")
        : base(name, shape, perChannel ? [shape.Channels, matrix.Size(0)] : [matrix.Size(0)])
    {
        if (!(threshold >= 0)) throw new OperatorException($"operator '{name}': the threshold must be 0 or more");
        var n = perChannel ? shape.Height * shape.Width : shape.Count;
        if (matrix.Rank != 2 || matrix.Size(1) != n || matrix.Size(0) == 0)
        {
            throw new OperatorException(
                $"operator '{name}': expected a matrix with {n} columns for {(perChannel ? "each channel of " : "")}images {shape}, found {string.Join(" x ", matrix.Shape.ToArray())}");
        }

        using var scope = new Scope();
        if (!matrix.IsFinite().All()) throw new OperatorException($"operator '{name}': the matrix holds numbers that are not finite");
        _perChannel = perChannel;
        _decomposition = new MatrixDecomposition(matrix, threshold);
        foreach (var part in _decomposition.Parts) Own(part);
        SetSingularValues(_decomposition.S.Exact.Reshape(perChannel ? [1, 1, n] : [1, n]).Clone());

        // The matrix without the singular values that count as zero.
        var rows = Tensor.Eye(n > matrix.Size(0) ? matrix.Size(0) : n, DType.Float64);
        _h = Own(n > matrix.Size(0)
            ? _decomposition.V(_decomposition.UT(rows) * _decomposition.S.Exact)
            : _decomposition.U(_decomposition.VT(rows) * _decomposition.S.Exact).Transpose(0, 1).Contiguous());
    }

    /// <summary>The number of positive singular values, of one channel when the matrix acts on each.</summary>
    public long Rank => _decomposition.Rank;

    /// <inheritdoc/>
    public Tensor Observed(Tensor x)
    {
        using var scope = new Scope();
        return scope.Keep(_decomposition.Observed(Vectors(x)));
    }

    /// <inheritdoc/>
    public Tensor FromObserved(Tensor a)
    {
        using var scope = new Scope();
        return scope.Keep(_decomposition.FromObserved(a).Reshape(InputShape.Batch(a.Size(0))));
    }

    /// <inheritdoc/>
    public override Tensor VT(Tensor x)
    {
        using var scope = new Scope();
        return scope.Keep(_decomposition.VT(Vectors(x)));
    }

    /// <inheritdoc/>
    public override Tensor V(Tensor c)
    {
        using var scope = new Scope();
        return scope.Keep(_decomposition.V(c).Reshape(InputShape.Batch(c.Size(0))));
    }

    /// <inheritdoc/>
    public override Tensor UT(Tensor y)
    {
        CheckMeasurements(y);
        using var scope = new Scope();
        return scope.Keep(_decomposition.UT(y));
    }

    /// <inheritdoc/>
    public override Tensor U(Tensor c)
    {
        using var scope = new Scope();
        return scope.Keep(_decomposition.U(c));
    }

    /// <inheritdoc/>
    public override Tensor Apply(Tensor x)
    {
        using var scope = new Scope();
        return scope.Keep(MatrixDecomposition.TimesTransposed(Vectors(x), _h.For(x)));
    }

    /// <inheritdoc/>
    public override Tensor Adjoint(Tensor y)
    {
        CheckMeasurements(y);
        using var scope = new Scope();
        return scope.Keep(MatrixDecomposition.Times(y, _h.For(y)).Reshape(InputShape.Batch(y.Size(0))));
    }

    private Tensor Vectors(Tensor x)
    {
        CheckImages(x);
        return _perChannel ? x.Reshape(x.Size(0), InputShape.Channels, -1) : x.Reshape(x.Size(0), -1);
    }
}
