using Posterior.Diffusion;
using Posterior.Imaging;
using Posterior.Operators;
using Posterior.Solvers;
using Posterior.Torch;

namespace Posterior.Tests.Solvers;

public sealed class DdnmTests
{
    [Fact]
    public void Two_steps_on_one_unmeasured_pixel_follow_the_implicit_step()
    {
        using var scope = new Scope();
        double eta = 0.6, high = 3, low = 0.9, z0 = 0.8, z1 = -1.1;
        double Denoised(double x, double sigma) => 0.2 + 0.09 / (0.09 + sigma * sigma) * (x - 0.2);
        var x = high * z0;
        var x0 = Denoised(x, high);
        var expected = Denoised(x0 + low * (eta * z1 + Math.Sqrt(1 - eta * eta) * (x - x0) / high), low);
        using var h = new Inpainting(new(1, 1, 1), Tensor.Zeros([1, 1]));
        var prior = GaussianDenoiser.Isotropic(Tensor.Full([1, 1, 1, 1], 0.2, DType.Float64), 0.3);
        var noise = new ReplayedNoise(new[] { z0, z1 }.Select(z => Tensor.Full([1, 1, 1, 1], z, DType.Float64)));
        var solver = new Ddnm { Steps = 2, Schedule = new ExplicitSchedule(high, low), Eta = eta };
        var result = solver.Restore(new Measurement<LinearOperator>(Tensor.Zeros([1, 1, 1, 1], DType.Float64), h, 0), prior, noise);
        Assert.Equal(expected, result.Estimate.Item(), 1e-12);
    }

    // Eq. 17 to 19 by hand in one dimension, at a level above and one below the noise of the measurement.
    [Theory]
    [InlineData(0.4)]
    [InlineData(2.0)]
    public void Two_steps_of_the_noisy_form_on_one_pixel_follow_the_paper(double sigmaY)
    {
        using var scope = new Scope();
        double s = 0.5, eta = 0.6, high = 3, low = 0.9, y = 0.31, z0 = 0.8, z1 = -1.1;
        double Denoised(double x, double sigma) => 0.2 + 0.09 / (0.09 + sigma * sigma) * (x - 0.2);
        var x0 = Denoised(high * z0, high);
        var lambda = s * low > sigmaY ? 1 : s * low * Math.Sqrt(1 - eta * eta) / sigmaY;
        var fresh = s * low > sigmaY ? Math.Sqrt(low * low - sigmaY * sigmaY / (s * s)) : eta * low;
        var expected = Denoised(x0 - lambda * (x0 - y / s) + fresh * z1, low);
        using var h = new DenseMatrix(new(1, 1, 1), Tensor.Full([1, 1], s, DType.Float64)) { DType = DType.Float64 };
        var prior = GaussianDenoiser.Isotropic(Tensor.Full([1, 1, 1, 1], 0.2, DType.Float64), 0.3);
        var noise = new ReplayedNoise(new[] { z0, z1, 0 }.Select(z => Tensor.Full([1, 1, 1, 1], z, DType.Float64)));
        var solver = new DdnmPlus { Steps = 2, Schedule = new ExplicitSchedule(high, low), Eta = eta };
        var result = solver.Restore(new Measurement<SpectralOperator>(Tensor.Full([1, 1], y, DType.Float64), h, sigmaY), prior, noise);
        Assert.Equal(expected, result.Estimate.Item(), 1e-12);
    }

    [Fact]
    public void The_result_explains_a_noiseless_measurement()
    {
        using var scope = new Scope();
        var shape = new ImageShape(3, 16, 16);
        using var h = new BlockAverage(shape, 4);
        var prior = GaussianDenoiser.Isotropic(Tensor.Zeros(shape.Batch(1)), 0.5);
        var measurement = Measurement<SpectralOperator>.Simulate(h, new SeededNoise(3).Normal(shape.Batch(1)) * 0.5, 0, new SeededNoise(4));
        foreach (Solver solver in new Solver[] { new Ddnm { Steps = 10, TravelRepeat = 2 }, new DdnmPlus { Steps = 10 }, new Ddrm { Steps = 10 }, new PseudoInverseSolver() })
        {
            var result = solver.RestoreAny(measurement, prior, new SeededNoise(5));
            OraclePriors.Close(measurement.Data, h.Apply(result.Estimate), 1e-5, solver.Name);
            Assert.Equal(solver.Evaluations, result.Evaluations);
        }
    }

    [Fact]
    public void Time_travel_walks_each_stretch_as_often_as_asked()
    {
        // Three levels and 0, length 1, twice: counters 2, 1, 2, 1, 0, 1, 0, -1.
        (int, int)[] expected = [(0, 1), (1, 0), (0, 1), (1, 2), (2, 1), (1, 2), (2, 3)];
        Assert.Equal(expected, TimeTravel.Walk(3, 1, 2));
        Assert.Equal([(0, 1), (1, 2), (2, 3)], TimeTravel.Walk(3, 1, 1));
    }
}
