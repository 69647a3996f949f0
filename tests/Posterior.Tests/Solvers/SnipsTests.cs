using Posterior.Diffusion;
using Posterior.Imaging;
using Posterior.Operators;
using Posterior.Solvers;
using Posterior.Torch;

namespace Posterior.Tests.Solvers;

public sealed class SnipsTests
{
    // Two Langevin steps by hand with the paper's alpha and g, singular value 0.5, prior N(0.2, 0.09): a measurement better than the state, and one that is worse.
    [Theory]
    [InlineData(0.2)]
    [InlineData(1.5)]
    public void Two_steps_on_one_pixel_follow_the_paper(double sigmaY)
    {
        using var scope = new Scope();
        double s = 0.5, sigma = 1.2, c = 0.3, y = 0.31;
        double[] z = [0.8, -1.1, 0.6];
        var x = sigma * z[0];
        foreach (var w in z[1..])
        {
            var score = (0.2 - x) / (0.09 + sigma * sigma);
            double alpha, g;
            if (s * sigma > sigmaY)
            {
                alpha = c * (sigma * sigma - sigmaY * sigmaY / (s * s));
                g = s * s * (y / s - x) / (s * s * sigma * sigma - sigmaY * sigmaY);
            }
            else
            {
                alpha = c * sigma * sigma * (1 - s * s * sigma * sigma / (sigmaY * sigmaY));
                g = s * s * (y / s - x) / (sigmaY * sigmaY - s * s * sigma * sigma) + score;
            }
            x += alpha * g + Math.Sqrt(2 * alpha) * w;
        }

        using var h = new DenseMatrix(new(1, 1, 1), Tensor.Full([1, 1], s, DType.Float64)) { DType = DType.Float64 };
        var result = Solver(sigma, c, 2).Restore(new Measurement<SpectralOperator>(Tensor.Full([1, 1], y, DType.Float64), h, sigmaY), OnePixel(), Draws(z));
        Assert.Equal(x, result.Estimate.Item(), 1e-9);
        Assert.Equal(2, result.Evaluations);
    }

    [Fact]
    public void A_pixel_that_was_not_measured_follows_the_score_of_the_prior()
    {
        using var scope = new Scope();
        double sigma = 1.2, c = 0.3;
        double[] z = [0.8, -1.1];
        var x = sigma * z[0];
        var expected = x + c * sigma * sigma * (0.2 - x) / (0.09 + sigma * sigma) + Math.Sqrt(2 * c) * sigma * z[1];
        using var h = new Inpainting(new(1, 1, 1), Tensor.Zeros([1, 1]));
        var result = Solver(sigma, c, 1).Restore(new Measurement<SpectralOperator>(Tensor.Zeros([1, 1, 1, 1], DType.Float64), h, 0.1), OnePixel(), Draws(z));
        Assert.Equal(expected, result.Estimate.Item(), 1e-12);
    }

    [Fact]
    public void A_measurement_exactly_as_noisy_as_the_state_draws_no_noise_and_divides_by_nothing()
    {
        using var scope = new Scope();
        double sigma = 0.5, c = 0.3, y = 0.31;
        using var h = new Inpainting(new(1, 1, 1), Tensor.Full([1, 1], 1));
        var result = Solver(sigma, c, 1).Restore(new Measurement<SpectralOperator>(Tensor.Full([1, 1, 1, 1], y, DType.Float64), h, sigma), OnePixel(), Draws(0.8, -1.1));
        Assert.Equal(0.7 * sigma * 0.8 + 0.3 * y, result.Estimate.Item(), 1e-12);
    }

    // The chain's limit at a level below the measurement's noise is the law of the state given y: precision 1 / (v + sigma^2) from the prior, 1 / (sigma_y^2 - sigma^2) from y,
    // since the state's noise is a part of the measurement's. Steps of finite size keep the mean and widen the spread, by at most 1 / (1 - c / 2).
    [Theory]
    [InlineData(0.4, 0.25)]
    [InlineData(1.0, 0.25)]
    [InlineData(0.4, 0.5)]
    public void The_chain_settles_on_the_exact_posterior_of_a_noisy_state(double sigmaY, double sigma)
    {
        using var scope = new Scope();
        double c = 0.1, y = 0.7, m = -0.2, v = 0.09;
        var shape = new ImageShape(1, 96, 96);
        using var h = new Identity(shape);
        var prior = GaussianDenoiser.Isotropic(Tensor.Full(shape.Batch(1), m), Math.Sqrt(v));
        var result = Solver(sigma, c, 400).Restore(new Measurement<SpectralOperator>(Tensor.Full(shape.Batch(1), y, DType.Float64), h, sigmaY), prior, new SeededNoise(7)).Estimate;
        double mean, variance;
        if (sigma < sigmaY)
        {
            var (fromPrior, fromData) = (1 / (v + sigma * sigma), 1 / (sigmaY * sigmaY - sigma * sigma));
            (mean, variance) = ((m * fromPrior + y * fromData) / (fromPrior + fromData), 1 / (fromPrior + fromData));
        }
        else (mean, variance) = (y, sigma * sigma - sigmaY * sigmaY);
        Assert.Equal(mean, result.Mean().Item(), 4 * Math.Sqrt(variance / (96 * 96)));
        Assert.InRange(result.Variance([0, 1, 2, 3]).Item() / variance, 0.95, 1.05 / (1 - c / 2));
    }

    [Fact]
    public void Annealing_reaches_the_posterior_of_the_clean_image()
    {
        using var scope = new Scope();
        double sigmaY = 0.4, y = 0.7, m = -0.2, v = 0.09;
        var shape = new ImageShape(1, 64, 64);
        using var h = new Identity(shape);
        var prior = GaussianDenoiser.Isotropic(Tensor.Full(shape.Batch(1), m), Math.Sqrt(v));
        var solver = new Snips { Schedule = new GeometricSchedule(0.01, 2), Steps = 200, StepsPerLevel = 10, StepSize = 0.1 };
        var result = solver.Restore(new Measurement<SpectralOperator>(Tensor.Full(shape.Batch(1), y, DType.Float64), h, sigmaY), prior, new SeededNoise(7)).Estimate;
        var (fromPrior, fromData) = (1 / v, 1 / (sigmaY * sigmaY));
        Assert.Equal((m * fromPrior + y * fromData) / (fromPrior + fromData), result.Mean().Item(), 0.02);
        Assert.Equal(Math.Sqrt(1 / (fromPrior + fromData)), Math.Sqrt(result.Variance([0, 1, 2, 3]).Item()), 0.02);
    }

    [Fact]
    public void Settings_reach_the_solver_and_are_checked()
    {
        var snips = (Snips)SolverCatalog.Create("snips", SolverSettings.Parse(["steps=50", "steps-per-level=3", "step-size=0.2"]));
        Assert.Equal((50, 3, 0.2, 150), (snips.Steps, snips.StepsPerLevel, snips.StepSize, snips.Evaluations));
        Assert.Equal((1000, 1, 0.67), (new Snips().Evaluations, new Snips().StepsPerLevel, new Snips().StepSize));
        var error = Assert.Throws<SolverOptionsException>(() => SolverCatalog.Create("snips", SolverSettings.Parse(["steps=0", "steps-per-level=0", "step-size=1.5"])));
        Assert.Equal("solver 'snips': steps is 0, expected 1 to 10000; steps-per-level is 0, expected 1 to 1000; step-size is 1.5, expected 1E-06 to 1", error.Message);
    }

    private static Snips Solver(double sigma, double c, int steps) => new() { Schedule = new ExplicitSchedule(sigma), StepSize = c, StepsPerLevel = steps };

    private static GaussianDenoiser OnePixel() => GaussianDenoiser.Isotropic(Tensor.Full([1, 1, 1, 1], 0.2, DType.Float64), 0.3);

    private static ReplayedNoise Draws(params double[] draws) => new(draws.Select(z => Tensor.Full([1, 1, 1, 1], z, DType.Float64)));
}
