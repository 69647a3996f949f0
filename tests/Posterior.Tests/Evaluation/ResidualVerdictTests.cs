using System.Globalization;
using Posterior.Diffusion;
using Posterior.Evaluation;
using Posterior.Imaging;
using Posterior.Operators;
using Posterior.Solvers;
using Posterior.Torch;

namespace Posterior.Tests.Evaluation;

[Collection(LiveHandles.Name)]
public sealed class ResidualVerdictTests
{
    public static TheoryData<string, double> Measurements()
    {
        var data = new TheoryData<string, double>();
        foreach (var op in new[] { "denoise", "sr2", "deblur-gauss:sigma=1.5,size=9", "deblur-uniform5", "colorize", "inpaint-random:0.5", "cs4", "block-cs4:block=16" })
            foreach (var sigma in new[] { 0.03, 0.09, 0.2 }) data.Add(op, sigma);
        return data;
    }

    [Theory]
    [MemberData(nameof(Measurements))]
    public void The_truth_leaves_noise_of_the_declared_level_and_the_estimator_agrees(string op, double sigma)
    {
        var before = LiveHandles.Count();
        using (var scope = new Scope())
        {
            var x = Scenes.Of(3, 128, 128);
            using var h = Bind(op, x);
            var verdict = ResidualVerdict.Of(Measure(h, h, x, sigma, sigma), x);
            Assert.Equal(ResidualOutcome.Declared, verdict.Outcome);
            Assert.Contains("noise of the declared level", verdict.Sentence);
            Assert.Equal(sigma, verdict.Level, 0.05 * sigma);
            if (verdict.EstimatedSigma is { } estimated) Assert.Equal(verdict.Level, estimated, 0.07 * sigma + 0.004);
        }
        Assert.Equal(before, LiveHandles.Count());
    }

    [Theory]
    [MemberData(nameof(Measurements))]
    public void A_wrong_noise_level_is_found_with_the_right_value(string op, double sigma)
    {
        using var scope = new Scope();
        var x = Scenes.Of(3, 128, 128);
        using var h = Bind(op, x);
        foreach (var declared in new[] { sigma * 0.55, sigma * 1.8 })
        {
            // What a solver makes that believes the declared level: too little of it leaves noise in the image, too much takes detail away.
            var estimate = declared < sigma && op == "denoise" ? x + new SeededNoise(4).NormalLike(x) * declared : x;
            var verdict = ResidualVerdict.Of(Measure(h, h, x, sigma, declared), estimate);
            // Without a whole picture to look at, less noise than declared cannot be told from an estimate that follows it.
            if (declared > sigma && verdict.EstimatedSigma is null)
            {
                Assert.Equal(ResidualOutcome.Below, verdict.Outcome);
                continue;
            }
            Assert.Equal(ResidualOutcome.OtherLevel, verdict.Outcome);
            var words = verdict.Sentence.Split(' ', ',');
            Assert.Equal(sigma, double.Parse(words[3], CultureInfo.InvariantCulture), 0.07 * sigma + 0.005);
            Assert.Equal(declared, double.Parse(words[^1], CultureInfo.InvariantCulture), 0.01 * declared);
        }
    }

    [Theory]
    [InlineData("deblur-gauss:sigma=1.5,size=15", "deblur-gauss:sigma=2.5,size=15")]
    [InlineData("deblur-gauss:sigma=2.5,size=15", "deblur-gauss:sigma=1,size=15")]
    [InlineData("deblur-uniform9", "deblur-uniform5")]
    [InlineData("deblur-uniform9", "denoise")]
    public void A_wrong_kernel_leaves_structure(string real, string believed)
    {
        using var scope = new Scope();
        var x = Scenes.Of(3, 128, 128);
        using var h = Bind(real, x);
        using var wrong = Bind(believed, x);
        var verdict = ResidualVerdict.Of(Measure(h, wrong, x, 0.02, 0.02), x);
        Assert.Equal(ResidualOutcome.Structured, verdict.Outcome);
        Assert.Contains("the operator may be wrong", verdict.Sentence);
    }

    [Fact]
    public void Samples_of_an_exact_posterior_leave_the_noise_and_its_mean_leaves_less()
    {
        using var scope = new Scope();
        // Correlated pixels, seen through noise of half their deviation.
        const int side = 24;
        const double sigma = 0.1;
        var shape = new ImageShape(1, side, side);
        var line = Tensor.From([.. Enumerable.Range(0, side * side).Select(i => Math.Pow(0.5, Math.Abs(i / side - i % side)))], side, side);
        var covariance = Tensor.Einsum("ab,cd->acbd", line, line).Reshape(side * side, side * side) * 0.16;
        var prior = GaussianDenoiser.WithCovariance(Tensor.Zeros(shape.Batch(1), DType.Float64), covariance);
        using var h = new Identity(shape) { DType = DType.Float64 };
        var x = covariance.Cholesky().MatMul(new SeededNoise(1).Normal([1, side * side, 1], DType.Float64).Squeeze(0)).Reshape(shape.Batch(1));
        var measurement = Measurement<Identity>.Simulate(h, x, 2 * sigma, new SeededNoise(2));
        var (posterior, _) = prior.Condition(Tensor.Eye(side * side, DType.Float64), measurement.Data.Reshape(-1), 2 * sigma);
        var root = posterior.Covariance().Cholesky();
        var squares = 0.0;
        const int count = 40;
        for (var k = 0ul; k < count; k++)
        {
            var sample = posterior.Mean + root.MatMul(new SeededNoise(10 + k).Normal([1, side * side, 1], DType.Float64).Squeeze(0)).Reshape(shape.Batch(1));
            var verdict = ResidualVerdict.Of(measurement, sample);
            squares += verdict.Level * verdict.Level / count;
            Assert.True(verdict.Outcome is ResidualOutcome.Declared, verdict.Sentence);
        }
        // m = 576: one measurement's noise has its level to 1 / sqrt(2 m) = 3%, and samples share part of it.
        Assert.Equal(1, squares / (sigma * sigma), 0.12);
        var mean = ResidualVerdict.Of(measurement, posterior.Mean);
        Assert.Equal(ResidualOutcome.Below, mean.Outcome);
        // E |y - H mean|^2 = m sigma^2 - trace(H C H^T).
        var expected = sigma * sigma - posterior.Covariance().Diagonal().Mean().Item() / 4;
        Assert.Equal(expected, mean.Level * mean.Level, 0.15 * expected);
    }

    [Fact]
    public void Without_noise_a_result_is_exact_or_not()
    {
        using var scope = new Scope();
        var x = Scenes.Of(3, 64, 64);
        using var h = Bind("sr4", x);
        var measurement = Measure(h, h, x, 0, 0);
        var exact = ResidualVerdict.Of(measurement, h.Project(x.ZerosLike(), measurement.Data));
        Assert.Equal(ResidualOutcome.Exact, exact.Outcome);
        var inexact = ResidualVerdict.Of(measurement, x + 0.02);
        Assert.Equal(ResidualOutcome.Inexact, inexact.Outcome);
        Assert.Contains("differs by 0.01 (RMS)", inexact.Sentence);
        // Noise that nobody declared is seen in the measurement, however well it is explained.
        var noisy = Measure(h, h, x, 0.09, 0);
        var verdict = ResidualVerdict.Of(noisy, h.Project(x, noisy.Data));
        Assert.Matches(@"^sigma looks like 0\.0[89]\d*, you said 0$", verdict.Sentence);
    }

    [Fact]
    public void Degrees_of_freedom_are_the_coordinates_that_were_measured()
    {
        using var scope = new Scope();
        var x = Scenes.Of(3, 32, 32);
        foreach (var (op, count) in new[] { ("denoise", 3 * 1024), ("sr4", 3 * 64), ("inpaint-box:0,0,32,16", 3 * 512), ("colorize", 1024), ("cs4", 3 * 256) })
        {
            using var h = Bind(op, x);
            Assert.Equal(count, ResidualVerdict.Of(Measure(h, h, x, 0.1, 0.1), x).DegreesOfFreedom);
        }
    }

    private static LinearOperator Bind(string op, Tensor x) => (LinearOperator)OperatorCatalog.Parse(op).Bind(ImageShape.Of(x));

    // Sigmas for images in [0, 1]; y is of the real operator, the believed one is told.
    private static Measurement<LinearOperator> Measure(LinearOperator real, LinearOperator believed, Tensor x, double sigma, double declared)
    {
        var y = real.Apply(x);
        var noise = new SeededNoise(3).NormalLike(y) * (2 * sigma);
        return new(y + (real is Inpainting inpainting ? noise * inpainting.Mask : noise), believed, 2 * declared);
    }
}
