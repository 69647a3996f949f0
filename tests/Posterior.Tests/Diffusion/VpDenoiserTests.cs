using Posterior.Diffusion;
using Posterior.Tests.Networks;
using Posterior.Torch;

namespace Posterior.Tests.Diffusion;

public sealed class VpDenoiserTests : IDisposable
{
    private const double Variance = 0.3;
    private static readonly double[] _sigmas = [.. Enumerable.Range(0, 1000).Select(VpSchedule.Linear().Sigma)];
    private readonly Scope _scope = new();

    public void Dispose() => _scope.Dispose();

    [Theory]
    [InlineData(Prediction.Epsilon)]
    [InlineData(Prediction.Sample)]
    [InlineData(Prediction.Velocity)]
    public void Exact_networks_of_Gaussian_data_give_the_posterior_mean_for_every_prediction_type(Prediction prediction)
    {
        // x_t = sqrt(abar) x0 + sqrt(1 - abar) n with x0 ~ N(0, v): all conditional means are multiples of x_t.
        var network = new StubNetwork((x, time) =>
        {
            var sigma = _sigmas[(int)time];
            var abar = 1 / (1 + sigma * sigma);
            var total = abar * Variance + 1 - abar;
            return x * (prediction switch
            {
                Prediction.Epsilon => Math.Sqrt(1 - abar) / total,
                Prediction.Sample => Math.Sqrt(abar) * Variance / total,
                _ => Math.Sqrt(abar * (1 - abar)) * (1 - Variance) / total,
            });
        });
        var denoiser = new VpDenoiser(network, _sigmas, prediction);
        var x = new SeededNoise(1).Normal([1, 1, 4, 5]);
        foreach (var time in new[] { 0, 1, 500, 999 })
        {
            var sigma = _sigmas[time];
            var expected = x * (Variance / (Variance + sigma * sigma));
            var error = (denoiser.Denoise(x, sigma) - expected).Abs().Max().Item();
            Assert.True(error < 2e-6 * Math.Max(1, sigma), $"t = {time}: {error}");
            Assert.Equal(time, network.Times[^1]);
        }
    }

    [Fact]
    public void Every_sigma_of_the_table_is_an_integer_time_also_after_rounding_to_single_precision()
    {
        var denoiser = new VpDenoiser(new StubNetwork((x, _) => x), _sigmas);
        for (var t = 0; t < _sigmas.Length; t++)
        {
            Assert.Equal(t, denoiser.Time(_sigmas[t]));
            Assert.Equal(t, denoiser.Time(_sigmas[t] * (1 + 1e-12)));
        }
    }

    [Fact]
    public void Times_between_are_linear_in_the_logarithm_and_the_ends_hold_outside()
    {
        var denoiser = new VpDenoiser(new StubNetwork((x, _) => x), _sigmas);
        Assert.Equal(41.25, denoiser.Time(Math.Exp(0.75 * Math.Log(_sigmas[41]) + 0.25 * Math.Log(_sigmas[42]))), 9);
        Assert.Equal(0, denoiser.Time(_sigmas[0] / 2));
        Assert.Equal(999, denoiser.Time(2 * _sigmas[^1]));
    }

    [Fact]
    public void Learned_variance_channels_are_left_out()
    {
        var denoiser = new VpDenoiser(new StubNetwork((x, _) => Tensor.Cat([x, x * 100], 1)), _sigmas);
        var plain = new VpDenoiser(new StubNetwork((x, _) => x), _sigmas);
        var x = new SeededNoise(1, 2).Normal([2, 1, 3, 3]);
        Assert.Equal(plain.Denoise(x, 1).ToArray<float>(), denoiser.Denoise(x, 1).ToArray<float>());
    }

    [Fact]
    public void Any_size_is_padded_to_the_multiple_and_cropped_back()
    {
        var network = new StubNetwork((x, _) => x, multiple: 8);
        var denoiser = new VpDenoiser(network, _sigmas);
        var x = new SeededNoise(1).Normal([1, 1, 13, 3]);
        var restored = denoiser.Denoise(x, 0.5);
        Assert.Equal(x.Shape.ToArray(), restored.Shape.ToArray());
        Assert.Equal([1, 1, 16, 8], network.Shapes[0]);
        Assert.True((restored - (x - x * (0.5 / Math.Sqrt(1.25)))).Abs().Max().Item() < 1e-6);
    }

    [Fact]
    public void Labels_are_bound_for_the_whole_batch_or_for_each_image()
    {
        var network = new StubNetwork((x, _) => x, classes: 3);
        var denoiser = new VpDenoiser(network, _sigmas);
        var x = Tensor.Zeros([2, 1, 2, 2]);
        denoiser.WithLabels(2).Denoise(x, 1);
        denoiser.WithLabels(0, 1).Denoise(x, 1);
        Assert.Equal([2, 2], network.Labels[0]!);
        Assert.Equal([0, 1], network.Labels[1]!);
        Assert.Contains("0 to 2, found 3", Assert.Throws<ArgumentException>(() => denoiser.WithLabels(3)).Message, StringComparison.Ordinal);
        Assert.Contains("2 images, found 3", Assert.Throws<ArgumentException>(() => denoiser.WithLabels(0, 1, 2).Denoise(x, 1)).Message, StringComparison.Ordinal);
        var unconditional = new VpDenoiser(new StubNetwork((y, _) => y), _sigmas);
        Assert.Contains("unconditional", Assert.Throws<ArgumentException>(() => unconditional.WithLabels(0)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_table_that_does_not_ascend_is_refused_with_its_entry() =>
        Assert.Contains("t = 2", Assert.Throws<ArgumentException>(() => new VpDenoiser(new StubNetwork((x, _) => x), [0.1, 0.2, 0.2])).Message, StringComparison.Ordinal);

    [Fact]
    public void Another_value_range_gives_the_same_posterior_mean()
    {
        // Data N(0.5, v / 4) in [0, 1] is N(0, v) in [-1, 1].
        var denoiser = new RangeDenoiser(new CentredOnGrey(Variance / 4), 0, 1);
        var x = new SeededNoise(1).Normal([1, 1, 4, 4]);
        Assert.True((denoiser.Denoise(x, 0.7) - x * (Variance / (Variance + 0.49))).Abs().Max().Item() < 1e-6);
        Assert.Equal((0.02, 20), denoiser.SigmaRange);
    }

    private sealed class CentredOnGrey(double variance) : Denoiser
    {
        public override long? Channels => 1;

        public override (double Min, double Max) SigmaRange => (0.01, 10);

        public override Tensor Denoise(Tensor x, double sigma) => (x - 0.5) * (variance / (variance + sigma * sigma)) + 0.5;
    }
}
