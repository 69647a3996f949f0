using Posterior.Diffusion;
using Posterior.Imaging;
using Posterior.Operators;
using Posterior.Solvers;
using Posterior.Torch;

namespace Posterior.Tests.Solvers;

/// <summary>RED, PnP-ADMM, ADMM-TV, DiffPIR and the baselines where their results have a closed form.</summary>
public sealed class IterativeSolverTests
{
    private static readonly ImageShape _shape = new(3, 8, 8);

    // D(x) = m + g (x - m), g = t^2 / (t^2 + s^2). At rest H^T (H x - y) / sigma^2 + lambda (1 - g)(x - m) = 0, and H H^T = 1/4 for means of 2 x 2.
    [Fact]
    public void RED_with_a_Gaussian_denoiser_rests_where_both_forces_cancel()
    {
        using var scope = new Scope();
        using var h = new BlockAverage(_shape, 2) { DType = DType.Float64 };
        var (sigma, lambda, t, s) = (0.2, 30.0, 0.3, 0.1);
        var (mean, y) = Problem(h);
        var prior = GaussianDenoiser.Isotropic(mean, t);
        var result = new Red { Steps = 3000, Lambda = lambda, DenoiserSigma = s }.Restore(new Measurement<LinearOperator>(y, h, sigma), prior, new SeededNoise(1)).Estimate;
        var c = lambda * (s * s / (t * t + s * s)) * sigma * sigma;
        OraclePriors.Close(mean + h.Adjoint(y - h.Apply(mean)) * (1 / (0.25 + c)), result, 1e-9, "rest");
    }

    // Its adjoint gives back the measurement itself, which stays the caller's.
    [Fact]
    public void A_first_guess_is_no_tensor_of_the_callers()
    {
        using var scope = new Scope();
        using var h = new UserOperator(_shape, [3, 8, 8], x => x, y => y, "same");
        var y = new SeededNoise(1).Normal(_shape.Batch(1));
        var before = y.ToArray<float>();
        var prior = GaussianDenoiser.Isotropic(Tensor.Zeros(_shape.Batch(1)), 0.5);
        foreach (var start in Enum.GetValues<FirstGuess>())
        {
            new Red { Steps = 3, Start = start }.Restore(new Measurement<LinearOperator>(y, h, 0.1), prior, new SeededNoise(2));
            Assert.Equal(before, y.ToArray<float>());
        }
    }

    [Fact]
    public void RED_takes_a_measurement_without_noise_for_one_with_sigma_0()
    {
        using var scope = new Scope();
        using var h = new BlockAverage(_shape, 2) { DType = DType.Float64 };
        var (mean, y) = Problem(h);
        var (prior, solver) = (GaussianDenoiser.Isotropic(mean, 0.3), new Red { Steps = 20, LeastSigma = 0.15 });
        var exact = solver.Restore(new Measurement<LinearOperator>(y, h, 0), prior, new SeededNoise(1)).Estimate;
        OraclePriors.Close(solver.Restore(new Measurement<LinearOperator>(y, h, 0.15), prior, new SeededNoise(1)).Estimate, exact, 1e-12, "estimate");
    }

    [Fact]
    public void RED_on_luminance_is_RED_on_the_grey_image_and_leaves_the_colours_of_the_start()
    {
        using var scope = new Scope();
        using var h = new BlockAverage(_shape, 2) { DType = DType.Float64 };
        using var grey = new BlockAverage(new(1, 8, 8), 2) { DType = DType.Float64 };
        var y = Problem(h).Y;
        var solver = new Red { Steps = 25 };
        GaussianDenoiser Prior(ForwardOperator op) => GaussianDenoiser.Isotropic(Tensor.Zeros(op.InputShape.Batch(1), DType.Float64), 0.3);
        var result = (solver with { LuminanceOnly = true }).Restore(new Measurement<LinearOperator>(y, h, 0.1), Prior(h), new SeededNoise(1)).Estimate;
        var alone = solver.Restore(new Measurement<LinearOperator>(Colour.LumaOf(y), grey, 0.1), Prior(grey), new SeededNoise(1)).Estimate;
        OraclePriors.Close(alone, Colour.LumaOf(result), 1e-10, "luminance");
        var start = y.UpsampleBicubic(8, 8);
        OraclePriors.Close(start - Colour.LumaOf(start), result - Colour.LumaOf(result), 1e-10, "colours");
    }

    // With the denoiser of variance sigma^2 / rho the iteration minimises |H x - y|^2 / (2 sigma^2) + |x - m|^2 / (2 t^2): the posterior's mode, which is its mean.
    [Theory]
    [InlineData(0.1)]
    [InlineData(0.7)]
    public void PnP_ADMM_finds_the_posterior_mean_of_a_Gaussian_prior_whatever_rho(double rho)
    {
        using var scope = new Scope();
        using var h = new BlockAverage(_shape, 2) { DType = DType.Float64 };
        var (sigma, t) = (0.2, 0.3);
        var (mean, y) = Problem(h);
        var result = new PnpAdmm { Steps = 600, Rho = rho }.Restore(new Measurement<LinearOperator>(y, h, sigma), GaussianDenoiser.Isotropic(mean, t), new SeededNoise(1)).Estimate;
        OraclePriors.Close(mean + h.Adjoint(y - h.Apply(mean)) * (1 / (0.25 + sigma * sigma / (t * t))), result, 1e-8, "posterior mean");
    }

    [Fact]
    public void Conjugate_gradients_and_the_closed_form_agree_in_PnP_ADMM_and_DiffPIR()
    {
        using var scope = new Scope();
        using var closed = new SeparableConvolution(_shape, Filter.Centred([0.1, 0.8, 0.1]), Filter.Centred([0.15, 0.7, 0.15]), 1, Boundary.Zero, 0) { DType = DType.Float64 };
        using var iterated = new UserOperator(_shape, closed.OutputShape, closed.Apply, closed.Adjoint);
        var (mean, y) = Problem(closed);
        var prior = GaussianDenoiser.Isotropic(mean, 0.3);
        foreach (var solver in new Solver[] { new PnpAdmm(), new DiffPir { Steps = 10 }, new Red { Steps = 10, StepSize = 0 } })
        {
            var expected = solver.RestoreAny(new Measurement<LinearOperator>(y, closed, 0.1), prior, new SeededNoise(2)).Estimate;
            OraclePriors.Close(expected, solver.RestoreAny(new Measurement<LinearOperator>(y, iterated, 0.1), prior, new SeededNoise(2)).Estimate, 1e-5, solver.Name);
        }
    }

    [Fact]
    public void The_gain_of_an_operator_without_singular_values_is_found_by_power_iteration()
    {
        using var scope = new Scope();
        using var closed = new SeparableConvolution(_shape, Filter.Centred([0.5, 1.5, 0.5]), Filter.Centred([0.1, 0.8, 0.1]), 1, Boundary.Zero, 0) { DType = DType.Float64 };
        using var iterated = new UserOperator(_shape, closed.OutputShape, closed.Apply, closed.Adjoint);
        var exact = LargestGain.Squared(closed, DType.Float64, Device.Cpu);
        Assert.InRange(LargestGain.Squared(iterated, DType.Float64, Device.Cpu), exact, 1.1 * exact * (1 + 1e-9));
    }

    // For two pixels the total variation is |b - a|: their mean stays, their difference moves to 0 by 2 lambda.
    [Theory]
    [InlineData(0.1, 0.7)]
    [InlineData(0.1, -0.7)]
    [InlineData(0.2, 0.3)]
    public void Total_variation_of_two_pixels_is_soft_thresholding_of_their_difference(double lambda, double difference)
    {
        using var scope = new Scope();
        using var h = new Identity(new(1, 1, 2)) { DType = DType.Float64 };
        var y = Tensor.From([0.2 - difference / 2, 0.2 + difference / 2], 1, 1, 1, 2);
        var result = new AdmmTv { Steps = 300, Lambda = lambda }.Restore(new Measurement<LinearOperator>(y, h, 0.1), new LinearFilter(Tensor.Ones([1, 1])), new SeededNoise(1));
        var left = Math.Sign(difference) * Math.Max(Math.Abs(difference) - 2 * lambda, 0);
        Assert.Equal([0.2 - left / 2, 0.2 + left / 2], result.Estimate.ToArray<double>(), (a, b) => Math.Abs(a - b) < 1e-6);
        Assert.Equal(0, result.Evaluations);
    }

    // Both stages of each of two steps on one pixel by hand: denoise, x^0 = (lambda sy^2 D / s^2 + h y) / (lambda sy^2 / s^2 + h^2), step.
    [Fact]
    public void Two_steps_of_DiffPIR_on_one_pixel_follow_the_paper()
    {
        using var scope = new Scope();
        double gain = 0.5, high = 3, low = 0.9, y = 0.31, noiseLevel = 0.2, lambda = 2, zeta = 0.4;
        double[] z = [0.8, -1.1, 0.6];
        double Corrected(double x, double sigma)
        {
            var denoised = 0.2 + 0.09 / (0.09 + sigma * sigma) * (x - 0.2);
            var rho = lambda * noiseLevel * noiseLevel / (sigma * sigma);
            return (rho * denoised + gain * y) / (rho + gain * gain);
        }
        var x = high * z[0];
        var first = Corrected(x, high);
        var expected = Corrected(first + low * (Math.Sqrt(1 - zeta) * (x - first) / high + Math.Sqrt(zeta) * z[1]), low);

        using var h = new DenseMatrix(new(1, 1, 1), Tensor.Full([1, 1], gain, DType.Float64)) { DType = DType.Float64 };
        var prior = GaussianDenoiser.Isotropic(Tensor.Full([1, 1, 1, 1], 0.2, DType.Float64), 0.3);
        var noise = new ReplayedNoise(z.Select(value => Tensor.Full([1, 1, 1, 1], value, DType.Float64)));
        var solver = new DiffPir { Schedule = new ExplicitSchedule(high, low), Lambda = lambda, Zeta = zeta };
        Assert.Equal(expected, solver.Restore(new Measurement<LinearOperator>(Tensor.Full([1, 1], y, DType.Float64), h, noiseLevel), prior, noise).Estimate.Item(), 1e-12);
    }

    [Fact]
    public void DiffPIR_meets_a_measurement_without_noise_exactly()
    {
        using var scope = new Scope();
        using var h = new BlockAverage(_shape, 2) { DType = DType.Float64 };
        var (mean, y) = Problem(h);
        var result = new DiffPir { Steps = 10 }.Restore(new Measurement<LinearOperator>(y, h, 0), GaussianDenoiser.Isotropic(mean, 0.3), new SeededNoise(1)).Estimate;
        OraclePriors.Close(y, h.Apply(result), 1e-12, "measurement");
    }

    [Fact]
    public void Baselines_are_the_enlarged_and_the_unchanged_picture_and_refuse_what_they_cannot_show()
    {
        using var scope = new Scope();
        using var small = new BlockAverage(_shape, 2);
        using var blur = new SeparableConvolution(_shape, Filter.Centred([0.1, 0.8, 0.1]), Filter.Centred([0.1, 0.8, 0.1]), 1, Boundary.Zero, 0);
        using var grey = new Colorization(_shape);
        var prior = GaussianDenoiser.Isotropic(Tensor.Zeros(_shape.Batch(1)), 1);
        Restoration Run(Solver solver, ForwardOperator h) =>
            solver.RestoreAny(new Measurement<ForwardOperator>(new SeededNoise(1).Normal([1, .. h.OutputShape]), h, 0), prior, new SeededNoise(2));
        // Keys' kernel with a = -0.75 between the pixels 1 and 2 of a slope, near the edges: 1.703125 - 1.296875, by hand.
        var slope = Tensor.Arange(0, 4).Reshape(1, 1, 1, 4).Expand(1, 3, 4, 4).Contiguous();
        var enlarged = new Bicubic().RestoreAny(new Measurement<ForwardOperator>(slope, small, 0), prior, new SeededNoise(1)).Estimate;
        Assert.Equal(_shape.Batch(1), enlarged.Shape.ToArray());
        Assert.Equal(0.40625, (enlarged.Select(3, 4) - enlarged.Select(3, 3)).Mean().Item(), 1e-5);
        Assert.Equal(new SeededNoise(1).Normal([1, 3, 8, 8]).ToArray<float>(), Run(new UnchangedMeasurement(), blur).Estimate.ToArray<float>());
        foreach (var (solver, h, other) in new (Solver, ForwardOperator, string)[] { (new Bicubic(), blur, "measurement"), (new Bicubic(), grey, "pinv"), (new UnchangedMeasurement(), small, "bicubic"), (new UnchangedMeasurement(), grey, "pinv") })
        {
            var error = Assert.Throws<UnsupportedOperatorException>(() => Run(solver, h));
            Assert.StartsWith($"solver '{solver.Name}' needs an operator whose measurement is a ", error.Message);
            Assert.Contains($", {other}", error.Message);
        }
    }

    [Theory]
    [InlineData(0.0)]
    [InlineData(0.1)]
    public void A_result_tells_whether_noise_was_ignored(double sigma)
    {
        using var scope = new Scope();
        using var h = new BlockAverage(_shape, 2);
        var prior = GaussianDenoiser.Isotropic(Tensor.Zeros(_shape.Batch(1)), 0.5);
        var measurement = new Measurement<SpectralOperator>(Tensor.Zeros([1, 3, 4, 4]), h, sigma);
        Assert.Equal(sigma > 0, new Ddnm { Steps = 2 }.RestoreAny(measurement, prior, new SeededNoise(1)).NoiseIgnored);
        Assert.False(new Ddrm { Steps = 2 }.RestoreAny(measurement, prior, new SeededNoise(1)).NoiseIgnored);
    }

    private static (Tensor Mean, Tensor Y) Problem(ForwardOperator h)
    {
        var mean = new SeededNoise(3).Normal(h.InputShape.Batch(1), DType.Float64) * 0.2;
        return (mean, h.Apply(mean + new SeededNoise(4).Normal(h.InputShape.Batch(1), DType.Float64) * 0.3));
    }
}
