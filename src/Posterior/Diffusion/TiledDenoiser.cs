using Posterior.Torch;

namespace Posterior.Diffusion;

/// <summary>
/// A denoiser that works through images too large for memory in overlapping tiles, faded into each other. Only the denoiser is cut: solvers and their data
/// consistency see the whole image. Whether and how far to cut follows from a memory estimate; an image that fits is denoised whole.
/// For a fully convolutional denoiser whose receptive radius is at most <see cref="TileOptions.Context"/> the result is that for the whole image;
/// others (attention, normalisation over the image) see a smaller picture, and the fading hides where it ends.
/// </summary>
public sealed class TiledDenoiser : Denoiser
{
    private readonly Denoiser _inner;
    private readonly ImageTiles _tiles;

    /// <summary>Wraps a denoiser.</summary>
    /// <exception cref="ArgumentOutOfRangeException">An option is out of range.</exception>
    public TiledDenoiser(Denoiser inner, TileOptions options) => (_inner, _tiles) = (inner, new(options));

    /// <inheritdoc/>
    public override long? Channels => _inner.Channels;

    /// <inheritdoc/>
    public override (double Min, double Max) SigmaRange => _inner.SigmaRange;

    /// <inheritdoc/>
    public override NoiseSchedule Schedule => _inner.Schedule;

    /// <summary>The tiles of an image, row by row; a single one when it fits.</summary>
    /// <param name="height">The image's height.</param>
    /// <param name="width">The image's width.</param>
    /// <returns>Ranges of rows and columns.</returns>
    public IReadOnlyList<(long Top, long Height, long Left, long Width)> Tiles(long height, long width) => _tiles.Of(height, width);

    /// <inheritdoc/>
    public override Tensor Denoise(Tensor x, double sigma) => _tiles.Map(x, piece => _inner.Denoise(piece, sigma));
}
