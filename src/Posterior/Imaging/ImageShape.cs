using System.Globalization;

namespace Posterior.Imaging;

/// <summary>The shape of one image: any number of channels, any height, any width.</summary>
/// <param name="Channels">1 for grey, 3 for colour.</param>
/// <param name="Height">Rows.</param>
/// <param name="Width">Columns.</param>
public readonly record struct ImageShape(long Channels, long Height, long Width)
{
    /// <summary>Channels x height x width.</summary>
    public long Count => Channels * Height * Width;

    /// <summary>The shape of a batch: <c>[batch, Channels, Height, Width]</c>.</summary>
    public long[] Batch(long batch) => [batch, Channels, Height, Width];

    /// <summary>The shape of the images of a batch <c>[N, C, H, W]</c>.</summary>
    /// <exception cref="ArgumentException">The tensor is not of rank 4.</exception>
    public static ImageShape Of(Torch.Tensor images) => images.Shape is [_, var c, var h, var w]
        ? new(c, h, w)
        : throw new ArgumentException($"images are [N, C, H, W], not {images}");

    /// <inheritdoc/>
    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{Channels}x{Height}x{Width}");
}
