using Posterior.Imaging;
using Posterior.Torch;

namespace Posterior.Tests.Imaging;

public sealed class NoiseEstimateTests
{
    [Theory]
    [InlineData(3, 0.0, 0.002)]
    [InlineData(3, 0.01, 0.002)]
    [InlineData(3, 0.05, 0.002)]
    [InlineData(3, 0.1, 0.003)]
    [InlineData(3, 0.2, 0.005)]
    [InlineData(1, 0.0, 0.006)]
    [InlineData(1, 0.01, 0.006)]
    [InlineData(1, 0.05, 0.006)]
    [InlineData(1, 0.1, 0.006)]
    [InlineData(1, 0.2, 0.006)]
    public void The_level_of_added_noise_is_found(int channels, double sigma, double tolerance)
    {
        var before = LiveHandles.Count();
        using (var scope = new Scope())
        {
            var noisy = Scene(channels, 160, 200) + new SeededNoise(5).Normal([1, channels, 160, 200]) * sigma;
            Assert.Equal(sigma, NoiseEstimate.Of(noisy), tolerance);
        }
        Assert.Equal(before, Tensor.LiveCount);
    }

    [Fact]
    public void It_scales_with_the_units_of_the_image()
    {
        using var scope = new Scope();
        var noisy = Scene(1, 96, 96) + new SeededNoise(5).Normal([1, 1, 96, 96]) * 0.05;
        Assert.Equal(2 * NoiseEstimate.Of(noisy), NoiseEstimate.Of(ValueRange.ToSigned(noisy)), 4);
    }

    [Fact]
    public void Small_images_give_a_rough_estimate_and_tiny_ones_an_error()
    {
        using var scope = new Scope();
        var noise = new SeededNoise(8).Normal([1, 3, 16, 16]) * 0.1;
        Assert.Equal(0.1, NoiseEstimate.Of(noise), 0.03);
        Assert.Equal(0, NoiseEstimate.Of(Tensor.Full([1, 1, 6, 6], 0.5)), 6);
        Assert.Contains("5 x 9", Assert.Throws<ArgumentException>(() => NoiseEstimate.Of(Tensor.Zeros([1, 1, 9, 5]))).Message);
        Assert.Contains("NaN", Assert.Throws<ArgumentException>(() => NoiseEstimate.Of(Tensor.Full([1, 1, 9, 9], double.NaN))).Message);
    }

    [Fact]
    public void A_large_image_is_estimated_from_a_part_of_its_patches()
    {
        using var scope = new Scope();
        Assert.Equal(0.1, NoiseEstimate.Of(Scene(1, 900, 1100) + new SeededNoise(5).Normal([1, 1, 900, 1100]) * 0.1), 0.002);
    }

    // Edges, ramps, waves of several frequencies: what photographs consist of, without noise of its own.
    private static Tensor Scene(int channels, int height, int width)
    {
        var y = Tensor.Linspace(0, 1, height).Reshape(1, 1, height, 1);
        var x = Tensor.Linspace(0, 1, width).Reshape(1, 1, 1, width);
        var planes = Enumerable.Range(0, channels).Select(c =>
        {
            var waves = ((x * (90 + 20 * c) + y * 40).Sin() * (y * 8).Cos() + ((x - 0.4).Square() * 300 + (y - 0.6).Square() * (250 + 10 * c)).Sin()) * 0.12;
            var disc = ((x - 0.6).Square() + (y - 0.4).Square()).Less(0.05).To(DType.Float32) * 0.25;
            return waves + disc + x * 0.2 + 0.3;
        });
        return Tensor.Cat([.. planes], 1);
    }
}
