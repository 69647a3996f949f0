using Posterior.Torch;

namespace Posterior.Imaging;

/// <summary>Parts of images.</summary>
public static class Crop
{
    /// <summary>An image reduced by a whole factor with a box filter, of which a size is to be cut out.</summary>
    /// <param name="image"><c>[1, C, H, W]</c>; it may be what is returned.</param>
    /// <param name="name">What a message calls it.</param>
    /// <param name="factor">The factor; rows and columns beyond a multiple are lost at the bottom and at the right.</param>
    /// <param name="least">The size; null for any.</param>
    /// <returns><c>[1, C, H / factor, W / factor]</c>.</returns>
    /// <exception cref="ImageException">The image is smaller.</exception>
    public static Tensor Reduced(Tensor image, string name, int factor, (long Height, long Width)? least = null)
    {
        var (height, width) = (image.Size(2) / factor, image.Size(3) / factor);
        var (rows, columns) = least ?? (1, 1);
        if (height < rows || width < columns) throw new ImageException(FormattableString.Invariant($"'{name}' is {width}x{height}{(factor > 1 ? " when reduced" : "")}, smaller than the {columns}x{rows} asked for"));
        return factor > 1 ? image.AveragePool(factor, factor) : image;
    }

    /// <summary>The centre of images; an odd pixel more is lost at the bottom and at the right.</summary>
    /// <param name="images"><c>[N, C, H, W]</c>.</param>
    /// <param name="height">Rows, at most H.</param>
    /// <param name="width">Columns, at most W.</param>
    /// <returns><c>[N, C, height, width]</c>, contiguous.</returns>
    /// <exception cref="ArgumentException">The images are smaller.</exception>
    public static Tensor Centre(Tensor images, long height, long width)
    {
        if (images.Size(2) < height || images.Size(3) < width) throw new ArgumentException($"images of {images.Size(3)}x{images.Size(2)} have no centre of {width}x{height}");
        using var scope = new Scope();
        return scope.Keep(images.Narrow(2, (images.Size(2) - height) / 2, height).Narrow(3, (images.Size(3) - width) / 2, width).Contiguous());
    }
}
