using Posterior.Diffusion;
using Posterior.Imaging;
using Posterior.Operators;
using Posterior.Solvers;
using Posterior.Torch;

namespace Posterior.Tests.Solvers;

public sealed class DdrmTests
{
    // One step each way of Eq. 8, by hand, in one dimension: singular value 0.5, prior N(0.2, 0.09). A wrong sign or factor anywhere shows.
    [Theory]
    [InlineData(0.4)]
    [InlineData(2.0)]
    public void Two_steps_on_one_pixel_follow_equations_7_and_8(double sigmaY)
    {
        using var scope = new Scope();
        double s = 0.5, eta = 0.6, etaB = 0.7, high = 3, low = 0.9, y = 0.31, z0 = 0.8, z1 = -1.1;
        var ybar = y / s;
        double Denoised(double x, double sigma) => 0.2 + 0.09 / (0.09 + sigma * sigma) * (x - 0.2);
        var x = s * high > sigmaY ? ybar + Math.Sqrt(high * high - sigmaY * sigmaY / (s * s)) * z0 : high * z0;
        var x0 = Denoised(x, high);
        x = s * low > sigmaY
            ? (1 - etaB) * x0 + etaB * ybar + Math.Sqrt(low * low - etaB * etaB * sigmaY * sigmaY / (s * s)) * z1
            : x0 + Math.Sqrt(1 - eta * eta) * low * (ybar - x0) / (sigmaY / s) + eta * low * z1;
        var expected = Denoised(x, low);

        using var h = OnePixel(s);
        var prior = GaussianDenoiser.Isotropic(Tensor.Full([1, 1, 1, 1], 0.2, DType.Float64), 0.3);
        var solver = new Ddrm { Schedule = new ExplicitSchedule(high, low), Eta = eta, EtaB = etaB };
        var result = solver.Restore(new Measurement<SpectralOperator>(Tensor.Full([1, 1], y, DType.Float64), h, sigmaY), prior, Draws(z0, z1, 0));
        Assert.Equal(expected, result.Estimate.Item(), 1e-6);
        Assert.Equal(2, result.Evaluations);
    }

    // s sigma > sigma_y, and yet sigma^2 - sigma_y^2 / s^2 < 0 in double precision.
    [Fact]
    public void A_level_within_rounding_of_the_measurements_noise_is_no_root_of_a_negative_number()
    {
        using var scope = new Scope();
        double s = 0.7165065663517887, sigma = 2.142242574638376, sigmaY = 1.534930871446758;
        Assert.True(s * sigma > sigmaY && sigma * sigma - sigmaY * sigmaY / (s * s) < 0);
        using var h = OnePixel(s);
        var prior = GaussianDenoiser.Isotropic(Tensor.Zeros([1, 1, 1, 1], DType.Float64), 0.3);
        foreach (var levels in new[] { new[] { sigma, 0.5 }, [3, sigma] })
        {
            var result = new Ddrm { Schedule = new ExplicitSchedule(levels) }.Restore(new Measurement<SpectralOperator>(Tensor.Full([1, 1], 0.3, DType.Float64), h, sigmaY), prior, Draws(0.8, -1.1, 0));
            Assert.True(double.IsFinite(result.Estimate.Item()));
        }
    }

    [Fact]
    public void Without_noise_the_last_step_moves_to_the_measurement_as_far_as_eta_b_says()
    {
        using var scope = new Scope();
        using var h = new BlockAverage(new(1, 4, 6), 2) { DType = DType.Float64 };
        var prior = GaussianDenoiser.Isotropic(Tensor.Full([1, 1, 4, 6], 0.1, DType.Float64), 0.5);
        var measurement = new Measurement<BlockAverage>(new SeededNoise(1).Normal([1, 1, 2, 3], DType.Float64), h, 0);
        Tensor Restored(bool projected) => new Ddrm { Steps = 4, EtaB = 0.3, FinalProjection = projected }.Restore(measurement, prior, new SeededNoise(2)).Estimate;
        var raw = Restored(false);
        OraclePriors.Close(raw * 0.7 + h.Project(raw, measurement.Data) * 0.3, Restored(true), 1e-12, "the last step");
    }

    [Fact]
    public void A_direction_that_was_not_measured_takes_the_implicit_step_of_the_prior()
    {
        using var scope = new Scope();
        double eta = 0.6, high = 3, low = 0.9, z0 = 0.8, z1 = -1.1;
        double Denoised(double x, double sigma) => 0.2 + 0.09 / (0.09 + sigma * sigma) * (x - 0.2);
        var x = high * z0;
        var x0 = Denoised(x, high);
        var expected = Denoised(x0 + Math.Sqrt(1 - eta * eta) * low * (x - x0) / high + eta * low * z1, low);

        using var h = new Inpainting(new(1, 1, 1), Tensor.Zeros([1, 1]));
        var prior = GaussianDenoiser.Isotropic(Tensor.Full([1, 1, 1, 1], 0.2, DType.Float64), 0.3);
        var solver = new Ddrm { Schedule = new ExplicitSchedule(high, low), Eta = eta };
        var result = solver.Restore(new Measurement<SpectralOperator>(Tensor.Zeros([1, 1, 1, 1], DType.Float64), h, 0.1), prior, Draws(z0, z1, 0));
        Assert.Equal(expected, result.Estimate.Item(), 1e-12);
    }

    [Fact]
    public void One_step_at_the_noise_level_of_a_denoising_problem_is_the_exact_posterior_mean()
    {
        using var scope = new Scope();
        var shape = new ImageShape(3, 8, 8);
        using var h = new Identity(shape);
        var noise = new SeededNoise(1, 2);
        var draws = noise.Normal(shape.Batch(2), DType.Float64);
        var prior = GaussianDenoiser.Diagonal(draws.Narrow(0, 0, 1) * 0.3, draws.Narrow(0, 1, 1).Square() * 0.1);
        var sigma = 0.2;
        var measurement = Measurement<SpectralOperator>.Simulate(h, noise.Normal(shape.Batch(2), DType.Float64) * 0.5, sigma, noise);
        var result = new Ddrm { Schedule = new ExplicitSchedule(sigma * (1 + 1e-10)) }.Restore(measurement, prior, noise);
        OraclePriors.Close(prior.Denoise(measurement.Data, sigma), result.Estimate, 1e-4, "posterior mean");
    }

    [Fact]
    public void Unknown_pixels_of_independent_ones_follow_the_prior_and_known_ones_the_measurement()
    {
        // For a product prior the exact posterior is: known pixels as measured, unknown ones as the prior has them.
        using var scope = new Scope();
        var shape = new ImageShape(1, 128, 128);
        using var h = new Inpainting(shape, new SeededNoise(9).Normal([1, 128, 128]).Squeeze(0).Greater(0).To(DType.Float32));
        var prior = GaussianDenoiser.Isotropic(Tensor.Full(shape.Batch(1), 0.25), 0.4);
        var truth = new SeededNoise(3).Normal(shape.Batch(1)) * 0.4 + 0.25;
        var measurement = Measurement<SpectralOperator>.Simulate(h, truth, 0, new SeededNoise(4));
        foreach (var eta in new[] { 0.0, 0.85 })
        {
            var result = new Ddrm { Steps = 250, Eta = eta }.Restore(measurement, prior, new SeededNoise(5)).Estimate;
            var unknown = result.Index(h.Mask.Equal(0).Expand(shape.Batch(1)));
            Assert.Equal(0.25, unknown.Mean().Item(), 0.02);
            // Fresh noise costs spread: an estimate is a mean, not a sample, and the update does not make up for it.
            if (eta == 0) Assert.Equal(0.4, Math.Sqrt(unknown.Variance([0]).Item()), 0.015);
            Assert.Equal(measurement.Data.ToArray<float>(), (result * h.Mask).ToArray<float>());
        }
    }

    [Fact]
    public void Without_fresh_noise_an_unmeasured_pixel_follows_the_probability_flow()
    {
        // x(0) = m + sqrt(v / (v + S^2)) (x(S) - m) for a normal prior.
        using var scope = new Scope();
        var shape = new ImageShape(1, 4, 4);
        using var h = new Inpainting(shape, Tensor.Zeros([4, 4]));
        var prior = GaussianDenoiser.Isotropic(Tensor.Full(shape.Batch(1), 0.25), 0.4);
        var schedule = new KarrasSchedule(1e-4, 20);
        var solver = new Ddrm { Steps = 1000, Eta = 0, Schedule = schedule };
        var result = solver.Restore(new Measurement<SpectralOperator>(Tensor.Zeros(shape.Batch(1), DType.Float64), h, 0), prior, new SeededNoise(6));
        var start = new SeededNoise(6).Normal(shape.Batch(1), DType.Float64) * 20;
        OraclePriors.Close((start - 0.25) * Math.Sqrt(0.16 / (0.16 + 400)) + 0.25, result.Estimate, 0.01, "flow");
    }

    [Fact]
    public void Without_noise_known_pixels_come_back_bit_for_bit_unless_the_final_projection_is_off()
    {
        using var scope = new Scope();
        var shape = new ImageShape(3, 16, 12);
        using var h = new Inpainting(shape, new SeededNoise(9).Normal([1, 16, 12]).Squeeze(0).Greater(0).To(DType.Float32));
        var prior = GaussianDenoiser.Isotropic(Tensor.Zeros(shape.Batch(1)), 0.5);
        var measurement = Measurement<SpectralOperator>.Simulate(h, new SeededNoise(3, 4).Normal(shape.Batch(2)) * 0.5, 0, new SeededNoise(4, 5));
        var kept = new Ddrm { Steps = 5 }.Restore(measurement, prior, new SeededNoise(5, 6)).Estimate * h.Mask;
        Assert.Equal(measurement.Data.ToArray<float>(), kept.ToArray<float>());
        var raw = new Ddrm { Steps = 5, FinalProjection = false }.Restore(measurement, prior, new SeededNoise(5, 6)).Estimate * h.Mask;
        Assert.NotEqual(measurement.Data.ToArray<float>(), raw.ToArray<float>());
    }

    [Fact]
    public void Complex_coordinates_give_the_same_restoration_as_real_ones()
    {
        // A separable circular blur is the same map in the Fourier basis and in that of two small matrices.
        using var scope = new Scope();
        var shape = new ImageShape(2, 12, 10);
        var taps = new[] { 0.25, 0.5, 0.25 };
        var filter = Filter.Centred(taps);
        using var real = new SeparableConvolution(shape, filter, filter, 1, Boundary.Circular, 0);
        var column = Tensor.From(taps, 3, 1);
        using var complex = new CircularConvolution(shape, column.MatMul(column.Transpose(0, 1)), 1, 0);
        var prior = GaussianDenoiser.Isotropic(Tensor.Zeros(shape.Batch(1)), 0.5);
        var y = Measurement<SpectralOperator>.Simulate(real, new SeededNoise(3).Normal(shape.Batch(1), DType.Float64) * 0.5, 0.1, new SeededNoise(4)).Data;
        var solver = new Ddrm();
        var expected = solver.Restore(new Measurement<SpectralOperator>(y, real, 0.1), prior, new SeededNoise(5)).Estimate;
        var actual = solver.Restore(new Measurement<SpectralOperator>(y, complex, 0.1), prior, new SeededNoise(5)).Estimate;
        OraclePriors.Close(expected, actual, 1e-5, "restoration");
    }

    private static DenseMatrix OnePixel(double s) => new(new(1, 1, 1), Tensor.Full([1, 1], s, DType.Float64)) { DType = DType.Float64 };

    private static ReplayedNoise Draws(params double[] draws) => new(draws.Select(z => Tensor.Full([1, 1, 1, 1], z, DType.Float64)));
}
