using Posterior.Operators;
using Posterior.Torch;

namespace Posterior.Diffusion;

/// <summary>A restorer that works through pictures too large for memory in overlapping tiles, faded into each other, as <see cref="TiledDenoiser"/> does.</summary>
/// <param name="inner">The restorer.</param>
/// <param name="options">When and how pictures are cut, in pixels of the picture.</param>
public sealed class TiledRestorer(OneShotRestorer inner, TileOptions options) : OneShotRestorer
{
    private readonly ImageTiles _tiles = new(options);

    /// <inheritdoc/>
    public override long? Channels => inner.Channels;

    /// <inheritdoc/>
    public override int Scale => inner.Scale;

    /// <inheritdoc/>
    public override RestorerInput Input => inner.Input;

    /// <summary>The tiles of a picture, row by row; a single one when it fits.</summary>
    /// <param name="height">The picture's height.</param>
    /// <param name="width">The picture's width.</param>
    /// <returns>Ranges of rows and columns.</returns>
    public IReadOnlyList<(long Top, long Height, long Left, long Width)> Tiles(long height, long width) => _tiles.Of(height, width);

    /// <inheritdoc/>
    public override Tensor Restore(Tensor picture, double sigma) => _tiles.Map(picture, piece => inner.Restore(piece, sigma), inner.Scale);

    /// <inheritdoc/>
    public override string? Warning(ForwardOperator h, double sigma) => inner.Warning(h, sigma);
}
