using Posterior.Imaging;
using Posterior.Torch;

namespace Posterior.Operators;

/// <summary>
/// Block compressed sensing (Gan 2007): each tile of <c>block x block</c> pixels, row-major, is multiplied by one matrix <c>Phi [k, block^2]</c>. Measurements
/// are <c>[C, tiles, k]</c>, tiles in row-major order; coordinates are <c>[N, C, tiles, block^2]</c>, the observed ones first in each tile.
/// </summary>
public sealed class BlockSensing : StructuredOperator, IFewObservations
{
    private readonly long _block;
    private readonly MatrixDecomposition _decomposition;

    /// <summary>Measures tiles.</summary>
    /// <param name="shape">The shape of images; height and width are multiples of the block size.</param>
    /// <param name="phi"><c>[k, block^2]</c>. It is copied.</param>
    /// <param name="name">The text form.</param>
    /// <exception cref="OperatorException">Phi is not finite or its columns are no square tile, or the tiles do not cover the image.</exception>
    public BlockSensing(ImageShape shape, Tensor phi, string name = "block-cs")
        : base(name, shape, shape.Channels, Tiles(shape, phi, name), phi.Size(0))
    {
        using var scope = new Scope();
        if (!phi.IsFinite().All()) throw new OperatorException($"operator '{name}': the matrix holds numbers that are not finite");
        _block = Block(phi);
        _decomposition = new MatrixDecomposition(phi, 0);
        foreach (var part in _decomposition.Parts) Own(part);
        SetSingularValues(_decomposition.S.Exact.Reshape(1, 1, 1, -1).Clone());
    }

    /// <inheritdoc/>
    public override bool MakesPictures => false;

    /// <summary>The number of positive singular values of Phi.</summary>
    public long Rank => _decomposition.Rank;

    /// <inheritdoc/>
    public Tensor Observed(Tensor x)
    {
        using var scope = new Scope();
        return scope.Keep(_decomposition.Observed(TilesOf(x)));
    }

    /// <inheritdoc/>
    public Tensor FromObserved(Tensor a)
    {
        using var scope = new Scope();
        return scope.Keep(ImagesOf(_decomposition.FromObserved(a)));
    }

    /// <inheritdoc/>
    public override Tensor VT(Tensor x)
    {
        using var scope = new Scope();
        return scope.Keep(_decomposition.VT(TilesOf(x)));
    }

    /// <inheritdoc/>
    public override Tensor V(Tensor c)
    {
        using var scope = new Scope();
        return scope.Keep(ImagesOf(_decomposition.V(c)));
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

    private Tensor TilesOf(Tensor x)
    {
        CheckImages(x);
        var (n, c, rows, columns) = (x.Size(0), InputShape.Channels, InputShape.Height / _block, InputShape.Width / _block);
        return x.Reshape(n, c, rows, _block, columns, _block).Permute(0, 1, 2, 4, 3, 5).Reshape(n, c, rows * columns, _block * _block);
    }

    private Tensor ImagesOf(Tensor tiles)
    {
        var (n, c, rows, columns) = (tiles.Size(0), InputShape.Channels, InputShape.Height / _block, InputShape.Width / _block);
        return tiles.Reshape(n, c, rows, columns, _block, _block).Permute(0, 1, 2, 4, 3, 5).Reshape(InputShape.Batch(n));
    }

    private static long Block(Tensor phi) => (long)Math.Sqrt(phi.Size(1));

    private static long Tiles(ImageShape shape, Tensor phi, string name)
    {
        var block = phi.Rank == 2 && phi.Count > 0 ? Block(phi) : 0;
        if (block == 0 || block * block != phi.Size(1))
            throw new OperatorException($"operator '{name}': expected a matrix whose rows are square tiles, found {string.Join(" x ", phi.Shape.ToArray())}");
        return shape.Height % block == 0 && shape.Width % block == 0 && shape.Count > 0
            ? shape.Height / block * (shape.Width / block)
            : throw new OperatorException($"operator '{name}': height and width must be multiples of {block}, found {shape.Height} rows x {shape.Width} columns");
    }
}
