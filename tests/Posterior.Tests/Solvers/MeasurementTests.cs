using Posterior.Operators;
using Posterior.Solvers;
using Posterior.Torch;

namespace Posterior.Tests.Solvers;

public sealed class MeasurementTests
{
    [Theory]
    [InlineData(float.NaN)]
    [InlineData(float.PositiveInfinity)]
    [InlineData(float.NegativeInfinity)]
    public void Values_that_are_not_finite_are_refused_and_counted(float bad)
    {
        var error = Refused([1, bad, 0, bad], [1, 1, 2, 2], 0);
        Assert.Equal("the measurement holds 2 values of 4 that are NaN or infinite", error.Message);
    }

    [Theory]
    [InlineData(-0.2, "a noise level is 0 or more, not -0.1 (for images in [0, 1])")]
    [InlineData(double.NaN, "a noise level is 0 or more, not NaN (for images in [0, 1])")]
    [InlineData(50, "a noise level is at most 2 (for images in [0, 1]), not 25; a level for images in [0, 255] must be divided by 255")]
    public void A_noise_level_without_sense_is_refused(double sigma, string message) => Assert.Equal(message, Refused([0, 0, 0, 0], [1, 1, 2, 2], sigma).Message);

    [Fact]
    public void Another_shape_is_refused()
    {
        var error = Refused([0, 0, 0, 0], [1, 1, 4, 1], 0);
        Assert.StartsWith("a measurement by 'denoise' is [N, 1, 2, 2], not Tensor [1, 1, 4, 1]", error.Message);
        Assert.StartsWith("a measurement by 'denoise' is [N, 1, 2, 2], not Tensor [4]", Refused([0, 0, 0, 0], [4], 0).Message);
    }

    [Fact]
    public void A_missing_pixel_of_a_simulated_measurement_carries_no_noise_and_every_other_one_its_own()
    {
        using var scope = new Scope();
        var mask = Tensor.From([1f, 0, 1, 0, 1, 1], 1, 1, 2, 3);
        using var h = new Inpainting(new(1, 2, 3), mask.Squeeze(0).Squeeze(0));
        var x = Tensor.Full([1, 1, 2, 3], 0.5);
        var y = Measurement<LinearOperator>.Simulate(h, x, 0.1, new SeededNoise(1)).Data;
        var expected = (x + new SeededNoise(1).Normal([1, 1, 2, 3]) * 0.1) * mask;
        Assert.Equal(0, (y - expected).Abs().Max().Item(), 1e-6);
        Assert.Equal(2, y.Equal(0).To(DType.Int64).Sum().Item());
    }

    [Fact]
    public void The_limit_of_the_noise_level_grows_with_the_operator()
    {
        using var scope = new Scope();
        using var h = new DenseMatrix(new(1, 1, 1), Tensor.Full([1, 1], 100));
        Assert.Equal(50, new Measurement<SpectralOperator>(Tensor.Zeros([1, 1]), h, 50).Sigma);
    }

    [Fact]
    public void Simulated_noise_has_the_stated_level()
    {
        using var scope = new Scope();
        using var h = new Identity(new(1, 100, 100));
        var x = Tensor.Full([1, 1, 100, 100], 0.5);
        var y = Measurement<SpectralOperator>.Simulate(h, x, 0.3, new SeededNoise(1)).Data;
        Assert.Equal(0.3, Math.Sqrt((y - x).Square().Mean().Item()), 0.01);
        Assert.Equal(x.ToArray<float>(), Measurement<SpectralOperator>.Simulate(h, x, 0, new SeededNoise(1)).Data.ToArray<float>());
    }

    private static MeasurementException Refused(float[] data, long[] shape, double sigma)
    {
        using var scope = new Scope();
        using var h = new Identity(new(1, 2, 2));
        return Assert.Throws<MeasurementException>(() => new Measurement<SpectralOperator>(Tensor.From(data, shape), h, sigma));
    }
}
