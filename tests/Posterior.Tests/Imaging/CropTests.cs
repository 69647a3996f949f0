using Posterior.Imaging;
using Posterior.Torch;

namespace Posterior.Tests.Imaging;

public sealed class CropTests
{
    [Fact]
    public void The_centre_loses_the_odd_pixel_at_the_end_and_smaller_images_have_none()
    {
        using var scope = new Scope();
        var image = Tensor.From([.. Enumerable.Range(0, 12).Select(i => (float)i)], 1, 1, 3, 4);
        Assert.Equal([1f, 2, 5, 6], Crop.Centre(image, 2, 2).ToArray<float>());
        Assert.Contains("4x3 have no centre of 4x5", Assert.Throws<ArgumentException>(() => Crop.Centre(image, 5, 4)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_reduced_image_is_a_mean_of_blocks_and_too_small_a_one_is_named()
    {
        using var scope = new Scope();
        var image = Tensor.From([.. Enumerable.Range(0, 15).Select(i => (float)i)], 1, 1, 3, 5);
        Assert.Equal([3f, 5], Crop.Reduced(image, "a.png", 2).ToArray<float>());
        Assert.Same(image, Crop.Reduced(image, "a.png", 1, (3, 5)));
        Assert.Equal("'a.png' is 1x0 when reduced, smaller than the 1x1 asked for", Assert.Throws<ImageException>(() => Crop.Reduced(image, "a.png", 4)).Message);
        Assert.Equal("'a.png' is 5x3, smaller than the 4x4 asked for", Assert.Throws<ImageException>(() => Crop.Reduced(image, "a.png", 1, (4, 4))).Message);
    }
}
