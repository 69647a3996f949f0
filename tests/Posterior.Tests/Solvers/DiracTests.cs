using Posterior.Diffusion;
using Posterior.Imaging;
using Posterior.Operators;
using Posterior.Solvers;
using Posterior.Torch;

namespace Posterior.Tests.Solvers;

/// <summary>Data consistency of the reverse process, Theorem 3.6 of DiracDiffusion, with everything known in closed form.</summary>
public sealed class DiracTests
{
    private const int Count = 64;

    private static readonly ImageShape _shape = new(1, 12, 12);
    private static readonly GeometricNoise _noise = new(0.02, 0.1);
    private static readonly SeverityProcess _blur = new(new BlurSeverity(2, 0.3, 15));

    // The theorem's own assumptions: estimate and increments are those of the true image. Then, by Eq. 16, y_t = A_t x0 + z_t with a known variance at every t.
    [Fact]
    public void With_the_true_image_as_the_estimate_every_state_is_the_process_at_its_time_and_the_data_stay_consistent_to_the_noise_floor()
    {
        using var scope = new Scope();
        var x0 = Images();
        var states = new List<(Tensor Y, double Time)>();
        var y = Measured(x0);
        new Dirac { Step = 0.1 }.Restore(y, new Known(_blur, x0, states), Seeds(2));

        var (floor, variance) = (_noise.Sigma(1) * _noise.Sigma(1), _noise.Sigma(1) * _noise.Sigma(1));
        Assert.Equal(10, states.Count);
        foreach (var (state, time) in states)
        {
            var residual = state - _blur.Degrade(x0, [.. Enumerable.Repeat(time, Count)]);
            // 64 images of 144 pixels: the mean square is within 5% in all but one of a million runs.
            Assert.InRange(residual.Square().Mean().Item() / variance, 0.93, 1.07);
            Assert.InRange(Math.Abs(residual.Mean().Item()), 0, 5 * Math.Sqrt(variance / residual.Count));
            Assert.InRange((y.Data - y.Operator.Apply(x0)).Square().Mean().Item() / floor, 0.93, 1.07);
            var (sigma, next) = (_noise.Sigma(time), _noise.Sigma(time - 0.1));
            variance = variance * Math.Pow(next / sigma, 4) + sigma * sigma - next * next;
        }
    }

    // With the exact posterior mean instead. At t = 1 its residual has the closed form sigma^4 tr((A C A^T + sigma^2)^-1) / m, which is below the floor because the mean
    // follows the noise a little; towards t = 0 the estimate becomes a sample, whose expected residual is the floor itself if it is a sample of the posterior.
    [Fact]
    public void With_the_posterior_mean_the_data_stay_consistent_through_the_whole_trajectory_without_any_projection()
    {
        using var scope = new Scope();
        var prior = Prior();
        var x0 = prior.Sample(Count, Seeds(1));
        var y = Measured(x0);
        var residuals = new List<double>();
        new Dirac { Step = 0.05 }.Restore(y, new ClosedFormReverser(prior, _blur, _noise), Seeds(2), new Reporter<SolverStep>(step =>
            residuals.Add((y.Data - y.Operator.Apply(step.Estimate)).Square().Mean().Item())));

        var floor = _noise.Sigma(1) * _noise.Sigma(1);
        var a = y.Operator.Apply(Tensor.Eye(_shape.Count, DType.Float64).Reshape(_shape.Batch(_shape.Count))).Reshape(_shape.Count, -1).Transpose(0, 1);
        var inner = a.MatMul(a.Transpose(0, 1)) * (Deviation * Deviation) + Tensor.Eye(_shape.Count, DType.Float64) * floor;
        var first = floor * floor * inner.Inverse().Diagonal().Sum().Item() / _shape.Count;
        Assert.Equal(1, residuals[0] / first, 0.06);
        Assert.All(residuals, residual => Assert.InRange(residual / floor, 0.9 * first / floor, 1.1));
        Assert.InRange(residuals[^1] / floor, 0.8, 1.1);
    }

    [Fact]
    public void A_preferred_end_comes_from_the_model_and_is_refused_where_the_model_has_none()
    {
        using var scope = new Scope();
        var (x0, prior) = (Images(), Prior());
        var y = Measured(x0);
        var reverser = new Stopping(new ClosedFormReverser(prior, _blur, _noise), new(0.1, 0.15, 0.95));
        Assert.Equal(9, new Dirac { Prefer = Preference.Perception }.Restore(y, reverser, Seeds(2)).Evaluations);
        var one = new Dirac { Prefer = Preference.Distortion }.Restore(y, reverser, Seeds(2));
        Assert.Equal(1, one.Evaluations);
        Assert.True((one.Estimate - reverser.Predict(y.Data, 1)).Abs().Max().Item() < 1e-12);
        Assert.Contains("posterior tradeoff", Assert.Throws<SolverOptionsException>(() => new Dirac { Prefer = Preference.Distortion }.Restore(y, new ClosedFormReverser(prior, _blur, _noise), Seeds(2))).Message);
    }

    [Fact]
    public void A_prior_is_no_model_of_a_degradation_and_a_smaller_measurement_no_state_of_the_process()
    {
        using var scope = new Scope();
        var y = Measured(Images());
        var error = Assert.Throws<UnsupportedModelException>(() => new Dirac().RestoreAny(new Measurement<ForwardOperator>(y.Data, y.Operator, y.Sigma), Prior(), Seeds(1)));
        Assert.StartsWith("solver 'dirac' needs a model that reverses a degradation, and this is a prior; solvers for it: ddrm", error.Message, StringComparison.Ordinal);
        using var sr = new BlockAverage(_shape, 2);
        Assert.False(new Dirac().Accepts(sr));
        Assert.False(new Indi().Accepts(sr));
        Assert.True(new Indi().Accepts(y.Operator));
    }

    // One step of InDI is the posterior mean; n steps of a model that always answers with the same image end there too.
    [Fact]
    public void Indi_in_one_step_gives_the_posterior_mean()
    {
        using var scope = new Scope();
        var (x0, prior) = (Images(), Prior());
        var y = Measured(x0);
        var reverser = new ClosedFormBlendReverser(prior, y.Operator, y.Sigma);
        var found = new Indi { Steps = 1 }.Restore(new Measurement<ForwardOperator>(y.Data, y.Operator, y.Sigma), reverser, Seeds(1)).Estimate;
        Assert.True((found - reverser.Predict(y.Data, 1)).Abs().Max().Item() < 1e-12);
    }

    private const double Deviation = 0.4;

    private static GaussianDenoiser Prior() => GaussianDenoiser.Isotropic(Tensor.Zeros(_shape.Batch(1), DType.Float64), Deviation);

    private static Tensor Images() => Prior().Sample(Count, Seeds(1));

    private static SeededNoise Seeds(ulong first) => new([.. Enumerable.Range(0, Count).Select(i => first * 1000 + (ulong)i)]);

    private static Measurement<LinearOperator> Measured(Tensor x0) => Measurement<LinearOperator>.Simulate(_blur.At(_shape, 1), x0, _noise.Sigma(1), Seeds(7));

    // 1 - 0.02 i is 0.020000000000000018 at i = 49, so the last step would end at 2e-17, where the mask still hides its middle.
    [Theory]
    [InlineData(0.02)]
    [InlineData(0.005)]
    [InlineData(0.1)]
    public void The_last_state_is_wholly_undegraded_also_where_the_step_is_no_binary_fraction(double length)
    {
        using var scope = new Scope();
        var mask = new SeverityProcess(new GaussianMaskSeverity(2));
        var x0 = Tensor.Full(_shape.Batch(1), 0.8, DType.Float64);
        var y = new Measurement<LinearOperator>(mask.At(_shape, 1).Apply(x0), mask.At(_shape, 1), _noise.Sigma(1));
        var last = new Dirac { Step = length, ReturnsEstimate = false }.Restore(y, new Known(mask, x0, []), new SeededNoise(1)).Estimate;
        // What is left is the noise of time 0, five standard deviations of it at most.
        Assert.InRange((last - x0).Abs().Max().Item(), 0, 5 * _noise.Sigma(0));
    }

    [Theory]
    [InlineData(0.6, 0.2, 3)]
    [InlineData(0.6, 0.1, 6)]
    [InlineData(0.95, 0.05, 19)]
    [InlineData(1, 0.02, 50)]
    [InlineData(0.5, 0.3, 1)]
    public void There_are_as_many_steps_as_fit_between_the_start_and_0_whatever_their_quotient_is_rounded_to(double start, double step, int steps) =>
        Assert.Equal(steps, new Dirac { Start = start, Step = step }.Evaluations);

    private sealed class Known(SeverityProcess process, Tensor x0, List<(Tensor Y, double Time)> states) : DegradationReverser
    {
        public override long? Channels => 1;

        public override SeverityProcess Process => process;

        public override GeometricNoise Noise => _noise;

        public override Tensor Predict(Tensor y, double time)
        {
            states.Add((y.Clone().Own(), time));
            return x0.Clone();
        }
    }

    private sealed class Stopping(DegradationReverser inner, StoppingPoints stops) : DegradationReverser
    {
        public override long? Channels => inner.Channels;

        public override SeverityProcess Process => inner.Process;

        public override GeometricNoise Noise => inner.Noise;

        public override StoppingPoints? Stops => stops;

        public override Tensor Predict(Tensor y, double time) => inner.Predict(y, time);
    }
}
