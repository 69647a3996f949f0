using Posterior.Torch;

namespace Posterior.Diffusion;

/// <summary>Continues images at their right and lower edge for networks that need multiples.</summary>
internal static class ImageBorder
{
    /// <summary>The images with height and width rounded up to multiples: by reflection or, where an image is smaller than its border, by its edge pixels.</summary>
    /// <param name="x">Images, <c>[N, C, H, W]</c>.</param>
    /// <param name="multiple">What height and width will be multiples of.</param>
    /// <returns>The same tensor when it fits already.</returns>
    public static Tensor Extend(Tensor x, long multiple)
    {
        var (down, right) = (Missing(x.Size(2)), Missing(x.Size(3)));
        if (right > 0) x = x.Pad([0, right, 0, 0], right < x.Size(3) ? "reflect" : "replicate");
        return down > 0 ? x.Pad([0, 0, 0, down], down < x.Size(2) ? "reflect" : "replicate") : x;

        long Missing(long size) => (size + multiple - 1) / multiple * multiple - size;
    }
}
