using Posterior.Imaging;
using Posterior.Metrics;
using Posterior.Operators;
using Posterior.Torch;

namespace Posterior.Tests.Metrics;

[Collection(LiveHandles.Name)]
public sealed class AutocorrelationTests
{
    [Fact]
    public void White_noise_stays_within_the_bound_and_nothing_is_left_behind()
    {
        var before = LiveHandles.Count();
        for (var seed = 1ul; seed <= 40; seed++)
        {
            using var scope = new Scope();
            var found = Autocorrelation.Of(new SeededNoise(seed).Normal([1, 3, 48, 40]) * 0.3)!;
            Assert.True(Math.Abs(found.Largest) < found.Bound, $"{found}");
        }
        Assert.Equal(before, LiveHandles.Count());
    }

    [Fact]
    public void The_mean_of_two_neighbours_correlates_by_one_half()
    {
        using var scope = new Scope();
        var x = new SeededNoise(1).Normal([1, 1, 200, 201]);
        var found = Autocorrelation.Of(x.Narrow(3, 0, 200) + x.Narrow(3, 1, 200))!;
        Assert.Equal((0, 1), (found.Rows, found.Columns));
        Assert.Equal(0.5, found.Largest, 0.02);
        Assert.Equal(4.5 / Math.Sqrt(200 * 199), found.Bound, 1e-12);
    }

    [Fact]
    public void A_slanted_correlation_is_found_in_its_direction()
    {
        using var scope = new Scope();
        var x = new SeededNoise(1).Normal([1, 1, 100, 100]);
        var found = Autocorrelation.Of(x - x.Roll([2, -3], [2, 3]))!;
        Assert.Equal((2, -3), (found.Rows, found.Columns));
        Assert.Equal(-0.5, found.Largest, 0.04);
    }

    [Fact]
    public void Missing_pixels_neither_hide_nor_feign_structure()
    {
        using var scope = new Scope();
        var shape = new ImageShape(1, 128, 128);
        using var h = (Inpainting)OperatorCatalog.Parse("inpaint-random:0.5").Bind(shape);
        var noise = new SeededNoise(1).Normal(shape.Batch(1));
        var white = Autocorrelation.Of(noise, h.Mask)!;
        Assert.True(Math.Abs(white.Largest) < white.Bound);
        Assert.Equal(0.5, Autocorrelation.Of(noise + noise.Roll([1], [2]), h.Mask)!.Largest, 0.05);
    }

    [Fact]
    public void An_offset_is_structure_and_an_image_without_enough_pixels_has_none()
    {
        using var scope = new Scope();
        Assert.Equal(1, Autocorrelation.Of(Tensor.Full([1, 1, 20, 20], 0.1))!.Largest, 1e-5);
        Assert.Null(Autocorrelation.Of(new SeededNoise(1).Normal([1, 1, 4, 20])));
        Assert.Null(Autocorrelation.Of(Tensor.Zeros([1, 1, 20, 20])));
    }
}
