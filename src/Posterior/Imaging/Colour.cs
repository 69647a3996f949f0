using Posterior.Torch;

namespace Posterior.Imaging;

/// <summary>Grey from colour and colour from grey.</summary>
public static class Colour
{
    // ITU-R BT.601, 8-bit studio swing (Y from 16 to 235), as MATLAB's rgb2ycbcr: the luma that super-resolution papers measure.
    private static readonly double[] _luma = [65.481 / 255, 128.553 / 255, 24.966 / 255];
    private const double LumaOffset = 16.0 / 255;

    // The same without the studio swing: weights of sum 1.
    private static readonly double[] _luminance = [0.299, 0.587, 0.114];

    /// <summary>The luminance of differences of colour images (BT.601, <c>0.299 R + 0.587 G + 0.114 B</c>): added to an image it changes Y by this and leaves Cb and Cr alone.</summary>
    /// <param name="difference"><c>[N, 3, H, W]</c>, in any range.</param>
    /// <returns><c>[N, 1, H, W]</c>.</returns>
    public static Tensor LumaOf(Tensor difference)
    {
        using var scope = new Scope();
        return scope.Keep((difference * Tensor.From(_luminance, 1, 3, 1, 1).To(difference.DType).To(difference.Device)).Sum([1], keepDimensions: true));
    }

    /// <summary>Y of YCbCr (BT.601, studio swing).</summary>
    /// <param name="image"><c>[N, C, H, W]</c> in [0, 1], C = 1 or 3. A grey image counts as a colour image of three equal channels.</param>
    /// <returns><c>[N, 1, H, W]</c>, from 16/255 (black) to 235/255 (white), of the image's type.</returns>
    /// <exception cref="ArgumentException">The image has another number of channels.</exception>
    public static Tensor Luma(Tensor image)
    {
        using var scope = new Scope();
        var weights = Tensor.From(_luma, 1, 3, 1, 1).To(image.DType).To(image.Device);
        return scope.Keep((ToColour(image) * weights).Sum([1], keepDimensions: true) + LumaOffset);
    }

    /// <summary>The image with three channels; a grey one is repeated (as a view).</summary>
    /// <exception cref="ArgumentException">The image is not <c>[N, 1 or 3, H, W]</c>.</exception>
    public static Tensor ToColour(Tensor image) => image.Shape switch
    {
        [_, 3, _, _] => image,
        [var n, 1, var h, var w] => image.Expand(n, 3, h, w),
        _ => throw new ArgumentException($"an image has 1 or 3 channels, [N, C, H, W], not {image}"),
    };

    /// <summary>The mean over channels: the exact adjoint up to scale of <see cref="ToColour"/>.</summary>
    public static Tensor ToGrey(Tensor image) => image.Mean([1], keepDimensions: true);
}
