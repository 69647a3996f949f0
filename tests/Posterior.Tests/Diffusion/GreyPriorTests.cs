using Posterior.Diffusion;
using Posterior.Torch;

namespace Posterior.Tests.Diffusion;

public sealed class GreyPriorTests
{
    [Theory]
    [InlineData(0.1)]
    [InlineData(2)]
    public void It_is_the_posterior_mean_of_the_brightness_of_a_gaussian_colour_prior(double sigma)
    {
        using var scope = new Scope();
        // Brightness (the mean of the channels) of variance 0.09, colour differences of another variance.
        const double brightness = 0.09;
        var x = new SeededNoise(4).Normal([1, 1, 6, 5]);
        var result = new GreyPrior(new GaussianColour(3 * brightness, 0.02)).Denoise(x, sigma);
        Assert.True((result - x * (brightness / (brightness + sigma * sigma))).Abs().Max().Item() < 1e-6);
        Assert.True(result.Shape.SequenceEqual(x.Shape));
    }

    [Fact]
    public void Its_noise_levels_are_those_of_the_colour_prior_over_the_root_of_three()
    {
        var prior = new GreyPrior(new GaussianColour(1, 1));
        Assert.Equal((0.01 / Math.Sqrt(3), 100 / Math.Sqrt(3)), prior.SigmaRange);
        Assert.Equal(1, prior.Channels);
    }

    /// <summary>Pixels independent; variance along the grey axis and across it.</summary>
    private sealed class GaussianColour(double grey, double chroma) : Denoiser
    {
        public override long? Channels => 3;

        public override (double Min, double Max) SigmaRange => (0.01, 100);

        public override Tensor Denoise(Tensor x, double sigma)
        {
            using var scope = new Scope();
            var mean = x.Mean([1], keepDimensions: true);
            return scope.Keep(mean * (grey / (grey + sigma * sigma)) + (x - mean) * (chroma / (chroma + sigma * sigma)));
        }
    }
}
