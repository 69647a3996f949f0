using Posterior.Diffusion;
using Posterior.Torch;

namespace Posterior.Tests.Diffusion;

public sealed class ImageBorderTests
{
    [Theory]
    [InlineData(1, 1)]
    [InlineData(1, 7)]
    [InlineData(3, 2)]
    [InlineData(9, 31)]
    [InlineData(16, 24)]
    public void An_image_is_continued_to_multiples_and_stays_what_it_is(long height, long width)
    {
        using var scope = new Scope();
        var x = new SeededNoise(1).Normal([1, 3, height, width]);
        var extended = ImageBorder.Extend(x, 8);
        Assert.Equal([1, 3, (height + 7) / 8 * 8, (width + 7) / 8 * 8], extended.Shape);
        Assert.Equal(x.ToArray<float>(), extended.Narrow(2, 0, height).Narrow(3, 0, width).Contiguous().ToArray<float>());
    }

    [Fact]
    public void The_border_is_a_reflection_where_the_image_is_large_enough()
    {
        using var scope = new Scope();
        var extended = ImageBorder.Extend(Tensor.From([1f, 2, 3, 4, 5, 6], 1, 1, 1, 6), 4).ToArray<float>();
        Assert.Equal([1, 2, 3, 4, 5, 6, 5, 4], extended[..8]);
        // One row only: it is repeated.
        Assert.Equal(extended[..8], extended[24..]);
    }

    [Fact]
    public void An_image_that_fits_is_handed_back()
    {
        using var scope = new Scope();
        var x = Tensor.Zeros([1, 1, 8, 16]);
        Assert.Same(x, ImageBorder.Extend(x, 8));
    }
}
