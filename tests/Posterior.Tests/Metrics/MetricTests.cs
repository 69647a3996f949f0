using Posterior.Metrics;
using Posterior.Torch;

namespace Posterior.Tests.Metrics;

public sealed class MetricTests
{
    [Fact]
    public void Psnr_of_a_constant_error_of_a_tenth_is_20_decibels()
    {
        using var scope = new Scope();
        var image = Tensor.Full([2, 3, 4, 5], 0.5);
        Assert.All(new Psnr().Compare(image + 0.1, image), value => Assert.Equal(20, value, 5));
    }

    [Fact]
    public void Psnr_of_equal_images_is_infinite_and_their_ssim_is_one()
    {
        using var scope = new Scope();
        var image = new SeededNoise(3).Normal([1, 3, 16, 20]).Sigmoid();
        Assert.Equal(double.PositiveInfinity, Assert.Single(new Psnr().Compare(image, image)));
        foreach (var variant in Enum.GetValues<SsimVariant>()) Assert.Equal(1, Assert.Single(new Ssim(variant).Compare(image, image)), 12);
    }

    [Fact]
    public void Ssim_of_two_constants_is_the_luminance_term()
    {
        using var scope = new Scope();
        var (a, b) = (0.25, 0.5);
        var expected = (2 * a * b + 1e-4) / (a * a + b * b + 1e-4);
        Assert.Equal(expected, new Ssim().Compare(Tensor.Full([1, 1, 11, 11], a), Tensor.Full([1, 1, 11, 11], b))[0], 6);
    }

    [Fact]
    public void Luma_of_white_black_and_pure_colours_is_that_of_bt601()
    {
        using var scope = new Scope();
        var colours = Tensor.From([0f, 1, 1, 0, 0, 0, 1, 0, 1, 0, 0, 1, 0, 0, 1], 1, 3, 1, 5);
        var luma = Posterior.Imaging.Colour.Luma(colours).ToArray<float>();
        double[] expected = [16, 235, 81.481, 144.553, 40.966];
        for (var i = 0; i < 5; i++) Assert.Equal(expected[i] / 255, luma[i], 5);
    }

    [Fact]
    public void Images_of_different_shapes_or_smaller_than_the_window_are_refused_with_their_sizes()
    {
        using var scope = new Scope();
        Assert.Contains("[1, 3, 4, 5]", Assert.Throws<ArgumentException>(() => new Psnr().Compare(Tensor.Zeros([1, 3, 4, 5]), Tensor.Zeros([1, 3, 4, 4]))).Message);
        Assert.Contains("10 x 12", Assert.Throws<ArgumentException>(() => new Ssim().Compare(Tensor.Zeros([1, 1, 12, 10]), Tensor.Zeros([1, 1, 12, 10]))).Message);
    }

    [Fact]
    public void A_black_truth_has_a_relative_error_of_zero_for_black_and_infinity_for_anything_else()
    {
        using var scope = new Scope();
        var black = Tensor.Zeros([2, 3, 4, 5]);
        Assert.Equal([0.0, 0], new NormalisedMeanSquaredError().Compare(black, black));
        Assert.Equal([double.PositiveInfinity, double.PositiveInfinity], new NormalisedMeanSquaredError().Compare(black + 0.1, black));
    }

    [Fact]
    public void Metrics_leave_no_tensors_behind()
    {
        var before = LiveHandles.Count();
        using (var image = Tensor.Ones([1, 3, 16, 16]))
        {
            IMetric[] metrics = [new Psnr(), new Ssim(), new Ssim(SsimVariant.ReflectFull), new MeanSquaredError(), new NormalisedMeanSquaredError(), new LumaMetric(new Psnr())];
            foreach (var metric in metrics) metric.Compare(image, image);
        }
        Assert.Equal(before, Tensor.LiveCount);
    }
}
