using Posterior.Imaging;
using Posterior.Torch;

namespace Posterior.Evaluation;

/// <summary>Clean images on which a prior's denoising curve is measured.</summary>
public static class CurveImages
{
    private const long LargestSide = 256;

    /// <summary>The centres of pictures, shrunk to a model's size by averaging where that is smaller.</summary>
    /// <param name="images">The pictures.</param>
    /// <param name="channels">1 or 3.</param>
    /// <param name="nativeSize">The size of the model's training images; null for any.</param>
    /// <returns><c>[N, channels, S, S]</c> in [-1, 1].</returns>
    /// <exception cref="ImageException">A file cannot be read, or is too small.</exception>
    public static Tensor Load(ImageSource images, long channels, int? nativeSize)
    {
        using var scope = new Scope();
        var size = Math.Min(nativeSize ?? LargestSide, LargestSide);
        return scope.Keep(Tensor.Cat([.. Enumerable.Range(0, images.Count).Select(i => One(images.LoadUnit(i), images.Name(i), channels, size))]));
    }

    private static Tensor One(Tensor image, string name, long channels, long size)
    {
        var side = Math.Min(image.Size(2), image.Size(3));
        var factor = side / size;
        if (factor < 1) throw new ImageException($"'{name}' is smaller than the model's {size}x{size}");
        var whole = factor * size;
        var square = Crop.Centre(image, whole, whole);
        var small = square.Reshape(1, image.Size(1), size, factor, size, factor).Mean([3, 5]);
        return ValueRange.ToSigned(channels == 1 ? Colour.ToGrey(small) : Colour.ToColour(small).Contiguous());
    }
}
