using Posterior.Diffusion;
using Posterior.Imaging;
using Posterior.Operators;
using Posterior.Solvers;
using Posterior.Torch;

namespace Posterior.Tests.Solvers;

/// <summary>A run that leaves the range of images ends at the evaluation where it is seen, whatever the solver.</summary>
[Collection(LiveHandles.Name)]
public sealed class DivergenceTests
{
    private static readonly ImageShape _shape = new(3, 16, 16);

    public static TheoryData<string> Names => [.. SolverCatalog.ForPriors.Where(entry => entry.Default.Evaluations > 0).Select(entry => entry.Name)];

    // The third evaluation is spoilt, or the only one.
    private static int SpoiltFrom(Solver solver) => Math.Min(3, solver.Evaluations);

    [Theory]
    [MemberData(nameof(Names))]
    public void An_estimate_that_is_not_finite_ends_the_run_at_once(string name) => Ends(name, double.NaN, "is not finite");

    [Theory]
    [MemberData(nameof(Names))]
    public void An_estimate_far_beyond_images_ends_the_run_at_once(string name) => Ends(name, 1e4, "has the size ");

    [Fact]
    public void A_model_that_takes_measurements_is_watched_by_the_sample_without_one_too()
    {
        using var scope = new Scope();
        using var h = new Identity(_shape);
        var measurement = new Measurement<ForwardOperator>(Tensor.Zeros(_shape.Batch(1)), h, 0.1);
        var error = Assert.Throws<DivergenceException>(() => new PriorSample().Restore(measurement, new SpoiltConditional(), new SeededNoise(1)));
        Assert.Equal(2, error.Step);
    }

    [Fact]
    public void A_step_that_is_too_long_is_named_with_what_helps()
    {
        using var scope = new Scope();
        using var h = new Identity(_shape);
        var prior = GaussianDenoiser.Isotropic(Tensor.Zeros(_shape.Batch(1)), 0.5);
        var measurement = new Measurement<LinearOperator>(new SeededNoise(1).Normal(_shape.Batch(1)), h, 0.1);
        var error = Assert.Throws<DivergenceException>(() => new Red { StepSize = 10 }.Restore(measurement, prior, new SeededNoise(1)));
        Assert.InRange(error.Step, 1, 6);
        Assert.EndsWith("lower step-size", error.Message);
        Assert.DoesNotContain('\n', error.Message);
    }

    [Fact]
    public void A_state_as_noisy_as_its_level_is_no_divergence()
    {
        using var scope = new Scope();
        using var h = new BlockAverage(_shape, 2);
        var prior = GaussianDenoiser.Isotropic(Tensor.Zeros(_shape.Batch(1)), 0.5);
        var measurement = new Measurement<SpectralOperator>(Tensor.Zeros([1, 3, 8, 8]), h, 0.1);
        Assert.True(new Ddrm { Schedule = new KarrasSchedule(0.01, 5000) }.Restore(measurement, prior, new SeededNoise(1)).Estimate.IsFinite().All());
    }

    private static void Ends(string name, double value, string expected)
    {
        using var scope = new Scope();
        using var h = new BlockAverage(_shape, 2);
        var solver = SolverCatalog.Find(name).Default;
        var measurement = new Measurement<SpectralOperator>(Tensor.Zeros([1, 3, 8, 8]), h, 0);
        var gaussian = GaussianDenoiser.Isotropic(Tensor.Zeros(_shape.Batch(1)), 0.5);
        // Operators keep what they compute at first use.
        Assert.Throws<DivergenceException>(() => solver.RestoreAny(measurement, new Spoilt(gaussian, value, SpoiltFrom(solver)), new SeededNoise(1)));
        var prior = new Spoilt(gaussian, value, SpoiltFrom(solver));
        var before = LiveHandles.Count();
        var error = Assert.Throws<DivergenceException>(() => solver.RestoreAny(measurement, prior, new SeededNoise(1)));
        Assert.Equal((SpoiltFrom(solver) - 1, SpoiltFrom(solver), solver), (error.Step, prior.Calls, error.Solver));
        Assert.StartsWith($"solver '{name}' diverged at evaluation {SpoiltFrom(solver)} of {solver.Evaluations} (noise level ", error.Message);
        Assert.Contains(expected, error.Message);
        Assert.Equal(before, LiveHandles.Count());
    }

    // Right at first, then wrong.
    private sealed class Spoilt(Denoiser prior, double value, int from) : Denoiser
    {
        public int Calls { get; private set; }

        public override long? Channels => prior.Channels;

        public override (double Min, double Max) SigmaRange => prior.SigmaRange;

        public override Tensor Denoise(Tensor x, double sigma) => ++Calls < from ? prior.Denoise(x, sigma) : prior.Denoise(x, sigma) * 0 + value;
    }

    // Its third estimate is far beyond images.
    private sealed class SpoiltConditional : ConditionalDenoiser
    {
        public override long? Channels => 3;

        public override (double Min, double Max) SigmaRange => (0.002, 80);

        public override Denoiser Given(Tensor y, LinearOperator h, double sigma) => new Third();

        private sealed class Third : Denoiser
        {
            private int _evaluations;

            public override long? Channels => 3;

            public override (double Min, double Max) SigmaRange => (0.002, 80);

            public override Tensor Denoise(Tensor x, double sigma) => ++_evaluations == 3 ? Tensor.Full(x.Shape.ToArray(), 1e5) : x.ZerosLike();
        }
    }
}
