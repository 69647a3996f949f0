using Posterior.Torch;

namespace Posterior.Imaging;

/// <summary>Parts of images.</summary>
public static class Crop
{
    /// <summary>The centre of images; an odd pixel more is lost at the bottom and at the right.</summary>
    /// <param name="images"><c>[N, C, H, W]</c>.</param>
    /// <param name="height">Rows, at most H.</param>
    /// <param name="width">Columns, at most W.</param>
    /// <returns><c>[N, C, height, width]</c>, contiguous.</returns>
    /// <exception cref="TorchException">The images are smaller.</exception>
    public static Tensor Centre(Tensor images, long height, long width)
    {
        using var scope = new Scope();
        return scope.Keep(images.Narrow(2, (images.Size(2) - height) / 2, height).Narrow(3, (images.Size(3) - width) / 2, width).Contiguous());
    }
}
