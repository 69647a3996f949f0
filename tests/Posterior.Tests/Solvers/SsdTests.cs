using Posterior.Diffusion;
using Posterior.Imaging;
using Posterior.Operators;
using Posterior.Solvers;
using Posterior.Torch;

namespace Posterior.Tests.Solvers;

public sealed class SsdTests
{
    // Up to t0 - 1 and down again in the paper's variance-preserving form, by hand, on two pixels of which one combination is measured; the second measurement is so strong that the first estimate is clamped.
    [Theory]
    [InlineData(0.3)]
    [InlineData(0.7)]
    public void Inversion_and_generation_on_two_pixels_follow_the_paper(double y)
    {
        using var scope = new Scope();
        double inversionEta = 0.4, eta = 0.6, mean = 0.2, variance = 0.09;
        double[] h = [0.3, 0.4];
        double[][] z = [[0.8, -0.3], [-1.1, 0.5], [0.7, 1.3]];
        var abar = VpSchedule.Linear().CumulativeAlphas;
        int[] up = [0, 549], down = [549, 274, 0]; // 274.5 rounds to the even 274
        var pinv = h.Select(weight => weight / 0.25).ToArray();
        double[] x = [pinv[0] * y, pinv[1] * y];

        (double[] Estimate, double[] Noise) Evaluate(double[] state, int t)
        {
            var denoised = state.Select(value => mean + Math.Sqrt(abar[t]) * variance / (abar[t] * variance + 1 - abar[t]) * (value - Math.Sqrt(abar[t]) * mean)).ToArray();
            var noise = state.Select((value, i) => (value - Math.Sqrt(abar[t]) * denoised[i]) / Math.Sqrt(1 - abar[t])).ToArray();
            return ([.. denoised.Select(value => Math.Clamp(value, -1, 1))], noise);
        }

        var (x0, e) = Evaluate(x, up[0]);
        if (y > 0.5) Assert.Contains(1.0, x0);
        var a = abar[up[1]];
        var beta = 1 - a / abar[up[0]];
        x = [.. x.Select((_, i) => Math.Sqrt(a) * x0[i] + Math.Sqrt(1 - a - inversionEta * beta) * e[i] + Math.Sqrt(inversionEta * beta) * z[0][i])];
        for (var k = 0; k < down.Length; k++)
        {
            (x0, e) = Evaluate(x, down[k]);
            var residual = h[0] * x0[0] + h[1] * x0[1] - y;
            double[] projected = [x0[0] - pinv[0] * residual, x0[1] - pinv[1] * residual];
            var next = k + 1 < down.Length ? abar[down[k + 1]] : 1;
            x = [.. projected.Select((value, i) => Math.Sqrt(next) * value + Math.Sqrt(1 - next) * (Math.Sqrt(1 - eta * eta) * e[i] + (k + 1 < down.Length ? eta * z[k + 1][i] : 0)))];
        }

        using var matrix = new DenseMatrix(new(1, 1, 2), Tensor.From(h, [1, 2])) { DType = DType.Float64 };
        var prior = GaussianDenoiser.Isotropic(Tensor.Full([1, 1, 1, 2], mean, DType.Float64), Math.Sqrt(variance));
        var solver = new Ssd { InversionSteps = 2, Steps = 3, InversionEta = inversionEta, Eta = eta };
        var draws = new ReplayedNoise(z.Select(draw => Tensor.From(draw, [1, 1, 1, 2])));
        var result = solver.Restore(new Measurement<LinearOperator>(Tensor.Full([1, 1], y, DType.Float64), matrix, 0), prior, draws);
        Assert.Equal(x[0], result.Estimate.ToArray<double>()[0], 1e-9);
        Assert.Equal(x[1], result.Estimate.ToArray<double>()[1], 1e-9);
        Assert.Equal(4, result.Evaluations);
    }

    [Fact]
    public void Without_fresh_noise_inversion_and_generation_undo_each_other()
    {
        // Both follow the probability flow of the prior; a wrong sign in either ends at the prior's mean or far away.
        using var scope = new Scope();
        var shape = new ImageShape(1, 8, 8);
        using var h = new Identity(shape);
        var prior = GaussianDenoiser.Isotropic(Tensor.Full(shape.Batch(1), 0.25), 0.15);
        var y = new SeededNoise(3).Normal(shape.Batch(1), DType.Float64) * 0.15 + 0.25;
        // All of the way down belongs to the prior: nothing but the start knows y.
        var solver = new SsdPlus { InversionSteps = 550, Steps = 550, InversionEta = 0, Eta = 0, StopTime = 550 };
        var result = solver.Restore(new Measurement<LinearOperator>(y, h, 0), prior, new SeededNoise(5)).Estimate;
        OraclePriors.Close(y, result, 0.02, "round trip");
    }

    [Fact]
    public void With_all_noise_fresh_inversion_is_the_forward_process()
    {
        using var scope = new Scope();
        var shape = new ImageShape(1, 64, 64);
        using var h = new Identity(shape);
        var recorded = new RecordingDenoiser(GaussianDenoiser.Isotropic(Tensor.Zeros(shape.Batch(1)), 0.15));
        var y = Tensor.Full(shape.Batch(1), 0.25, DType.Float64);
        var solver = new Ssd { InversionSteps = 12, InversionEta = 1 };
        solver.Restore(new Measurement<LinearOperator>(y, h, 0), recorded, new SeededNoise(5));
        var (x, sigma) = recorded.Calls[11];
        var low = solver.Schedule.Sigma(0);
        Assert.Equal(solver.Schedule.Sigma(549), sigma, 1e-12);
        var added = x - 0.25 * Math.Sqrt(1 + low * low);
        Assert.Equal(0, added.Mean().Item() / sigma, 0.05);
        Assert.Equal(1, Math.Sqrt((added.Square().Mean().Item() + low * low) / (sigma * sigma)), 0.03);
    }

    [Fact]
    public void The_plain_form_explains_its_measurement_and_keeps_known_pixels_bit_for_bit()
    {
        using var scope = new Scope();
        var shape = new ImageShape(3, 16, 16);
        var prior = GaussianDenoiser.Isotropic(Tensor.Zeros(shape.Batch(1)), 0.5);
        using var average = new BlockAverage(shape, 4);
        using var mask = new Inpainting(shape, new SeededNoise(9).Normal([1, 16, 16]).Squeeze(0).Greater(0).To(DType.Float32));
        var truth = new SeededNoise(3).Normal(shape.Batch(1)) * 0.4;
        foreach (var preset in SsdPreset.All)
        {
            var solver = new Ssd().With(preset);
            var y = average.Apply(truth);
            OraclePriors.Close(y, average.Apply(solver.Restore(new Measurement<LinearOperator>(y, average, 0), prior, new SeededNoise(5)).Estimate), 1e-5, preset.Name);
            var known = solver.Restore(new Measurement<LinearOperator>(mask.Apply(truth), mask, 0), prior, new SeededNoise(5)).Estimate * mask.Mask;
            Assert.Equal((truth * mask.Mask).ToArray<float>(), known.ToArray<float>());
        }
    }

    [Fact]
    public void The_robust_form_does_not_copy_noise_of_unknown_level()
    {
        using var scope = new Scope();
        var shape = new ImageShape(1, 32, 32);
        using var h = new Identity(shape);
        var prior = GaussianDenoiser.Isotropic(Tensor.Full(shape.Batch(1), 0.1), 0.05);
        var truth = new SeededNoise(3).Normal(shape.Batch(1)) * 0.05 + 0.1;
        var y = truth.AddScaled(new SeededNoise(4).Normal(shape.Batch(1)), 0.3);
        double Error(Ssd solver) => (solver.Restore(new Measurement<LinearOperator>(y, h, 0), prior, new SeededNoise(5)).Estimate - truth).Square().Mean().Item();
        Assert.Equal(0.09, Error(new Ssd()), 0.01);
        Assert.InRange(Error(new SsdPlus()), 0, 0.02);
        Assert.Equal(Error(new Ssd()), Error(new SsdPlus { StopTime = 0 }));
    }

    [Theory]
    [InlineData(550, 200, 25, 15)]
    [InlineData(550, 200, 85, 54)]
    [InlineData(550, 200, 22, 14)]
    [InlineData(500, 150, 90, 62)] // 0.7 * 90 is a little less than 63 in double precision
    [InlineData(750, 750, 25, 0)]
    [InlineData(750, 0, 25, 25)]
    public void The_robust_form_projects_the_first_steps_only(int start, int stop, int steps, int expected) =>
        Assert.Equal(expected, new SsdPlus { StartTime = start, StopTime = stop, Steps = steps }.ProjectedSteps);

    [Fact]
    public void Levels_outside_the_range_of_a_prior_are_not_visited()
    {
        using var scope = new Scope();
        var shape = new ImageShape(1, 4, 4);
        using var h = new Identity(shape);
        var recorded = new RecordingDenoiser(new Narrow());
        var result = new Ssd().Restore(new Measurement<LinearOperator>(Tensor.Full(shape.Batch(1), 0.5), h, 0), recorded, new SeededNoise(1));
        Assert.All(recorded.Calls, call => Assert.InRange(call.Sigma, 0.05, 2));
        Assert.Equal((0.05, 0.05), (recorded.Calls[0].Sigma, recorded.Calls[^1].Sigma));
        Assert.Equal(2, recorded.Calls.Max(call => call.Sigma));
        Assert.Equal(recorded.Calls.Count, result.Evaluations);
    }

    [Fact]
    public void Presets_are_those_of_the_paper_and_settings_override_them()
    {
        Assert.Equal([("30", 29), ("100", 99), ("30-colorization", 29), ("100-colorization", 99)], SsdPreset.All.Select(preset => (preset.Name, new Ssd().With(preset).Evaluations)));
        Assert.Equal(new Ssd(), new Ssd().With(SsdPreset.Thirty));
        var ssd = (Ssd)SolverCatalog.Create("ssd", SolverSettings.Parse(["steps=40", "preset=100-colorization"]));
        Assert.Equal((15, 40, 750, 0.8, 0.8), (ssd.InversionSteps, ssd.Steps, ssd.StartTime, ssd.InversionEta, ssd.Eta));
        var plus = Assert.IsType<SsdPlus>(SolverCatalog.Create("ssd+", SolverSettings.Parse(["preset=100", "inversion-steps=9", "eta=0.5"])));
        Assert.Equal((9, 85, 550, 0.4, 0.5, 200), (plus.InversionSteps, plus.Steps, plus.StartTime, plus.InversionEta, plus.Eta, plus.StopTime));
        var error = Assert.Throws<SolverOptionsException>(() => SolverCatalog.Create("ssd", SolverSettings.Parse(["preset=fast"])));
        Assert.Equal("preset is 'fast', expected 30, 100, 30-colorization, 100-colorization", error.Message);
    }

    [Fact]
    public void Settings_out_of_range_are_refused()
    {
        var error = Assert.Throws<SolverOptionsException>(() => new SsdPlus { Steps = 1, InversionSteps = 551, StartTime = 550, Eta = -0.1, StopTime = 551 }.Validate());
        Assert.Equal(
            "solver 'ssd+': steps is 1, expected 2 to 550; inversion-steps is 551, expected 2 to 550; eta is -0.1, expected 0 to 1; stop-time is 551, expected 0 to 550", error.Message);
        Assert.Throws<SolverOptionsException>(() => new Ssd { StartTime = 1001 }.Validate());
        Assert.Throws<SolverOptionsException>(() => new Ssd { StartTime = 1 }.Validate());
    }

    private sealed class Narrow : Denoiser
    {
        public override long? Channels => null;

        public override (double Min, double Max) SigmaRange => (0.05, 2);

        public override Tensor Denoise(Tensor x, double sigma) => x * 0.5;
    }
}
