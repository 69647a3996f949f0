using Posterior.Diffusion;
using Posterior.Evaluation.Calibration;
using Posterior.Imaging;
using Posterior.Torch;

namespace Posterior.Tests.Evaluation.Calibration;

/// <summary>The measure itself, held against posteriors that are known: exact samples are calibrated, others are found out.</summary>
public sealed class CalibrationTallyTests
{
    private const int Samples = 39, Images = 80;

    private static readonly ImageShape _shape = new(1, 6, 6);

    [Fact]
    public void Exact_samples_are_calibrated()
    {
        var report = Measure(1);
        Assert.All(report.Coverage, level => Assert.Equal(level.Nominal, level.Actual!.Value, 0.02));
        Assert.All(report.Coverage, level => Assert.InRange(Math.Abs(level.Actual!.Value - level.Nominal), 0, 4 * level.StandardError!.Value));
        Assert.InRange(report.Ranks.PValue!.Value, 0.01, 1);
        Assert.Equal(1, report.Error / report.PredictedError, 0.03);
        Assert.All(report.Errors, bin => Assert.Equal(1, bin.Actual / bin.Predicted, 0.2));
        Assert.Equal(Images * _shape.Count, report.Values);
        Assert.Equal(0, report.KnownValues);
    }

    [Fact]
    public void Samples_that_are_too_sure_are_found_out()
    {
        var report = Measure(0.5);
        // Half the spread: the 90% interval of a normal distribution holds what lies within 0.82 deviations, 59%.
        Assert.Equal(0.59, report.Coverage[2].Actual!.Value, 0.04);
        Assert.InRange(report.Ranks.PValue!.Value, 0, 1e-6);
        Assert.InRange(report.Error / report.PredictedError, 1.8, 2.1);
        // The truths fall outside: the ends of the histogram stand out.
        Assert.True(report.Ranks.Counts[0] + report.Ranks.Counts[^1] > 4 * report.Ranks.Counts.Sum() / (Samples + 1));
    }

    [Fact]
    public void Samples_that_are_too_unsure_are_found_out()
    {
        var report = Measure(2);
        Assert.InRange(report.Coverage[0].Actual!.Value, 0.75, 0.9);
        Assert.InRange(report.Ranks.PValue!.Value, 0, 1e-6);
        Assert.InRange(report.Error / report.PredictedError, 0.45, 0.6);
    }

    [Fact]
    public void Samples_beside_the_truth_are_found_out_by_the_ranks()
    {
        var report = Measure(1, shift: 0.05);
        Assert.InRange(report.Ranks.PValue!.Value, 0, 1e-4);
        Assert.True(report.Ranks.Counts.Take(20).Sum() > 1.2 * report.Ranks.Counts.Skip(20).Sum());
    }

    [Fact]
    public void The_levels_between_two_intervals_are_interpolated_and_those_beyond_the_widest_left_open()
    {
        using var scope = new Scope();
        // K = 9 resolves (10 - 2 j) / 10: 80% exactly, 50% between j = 2 and 3, not 90% by j = 0.5.
        var tally = new CalibrationTally(9, 1);
        var ramp = Tensor.Linspace(0.05, 0.85, 9, DType.Float64).Reshape(9, 1, 1, 1);
        var truths = Tensor.Linspace(0, 0.9, 10, DType.Float64).Reshape(1, 1, 1, 10);
        tally.Add(truths, ramp.Repeat(1, 1, 1, 10));
        var report = tally.Report();
        // Every rank once.
        Assert.Equal(Enumerable.Repeat(1L, 10), report.Ranks.Counts);
        Assert.Equal([0.5, 0.8, null, null], report.Coverage.Select(level => level.Actual is { } actual ? Math.Round(actual, 9) : (double?)null));
        Assert.Equal([0.2, 0.4, 0.6, 0.8], report.Intervals.Select(level => Math.Round(level.Actual!.Value, 9)));
        Assert.Null(report.Coverage[0].StandardError);
        Assert.Equal((2, 0, 1), (report.Ranks.Bins, report.Ranks.ChiSquare, report.Ranks.PValue));
    }

    [Fact]
    public void Values_that_the_measurement_fixes_are_counted_apart_and_a_point_estimate_is_not_mistaken_for_them()
    {
        using var scope = new Scope();
        var truth = Tensor.Full([1, 1, 2, 2], 0.5);
        truth.Narrow(2, 0, 1).Fill(0.25);
        var tally = new CalibrationTally(9, 1);
        tally.Add(truth, Tensor.Full([9, 1, 2, 2], 0.25));
        var report = tally.Report();
        Assert.Equal((2, 2), (report.KnownValues, report.Values));
        Assert.Null(report.Ranks.PValue);
        Assert.Equal(2, report.Ranks.Counts[9]);
        Assert.Equal(0.25, report.Error, 1e-9);
        Assert.Equal(0, report.PredictedError);
    }

    [Fact]
    public void Equal_values_take_a_random_place()
    {
        using var scope = new Scope();
        var tally = new CalibrationTally(9, 1);
        for (var image = 0; image < 100; image++)
        {
            var coins = new SeededNoise((ulong)image).Normal([1, 1, 1, 320]).Greater(0).To(DType.Float32);
            tally.Add(coins.Narrow(3, 0, 32), coins.Narrow(3, 32, 288).Reshape(9, 1, 1, 32));
        }
        Assert.InRange(tally.Report().Ranks.PValue!.Value, 0.01, 1);
    }

    [Fact]
    public void Shapes_that_do_not_fit_are_refused()
    {
        using var scope = new Scope();
        Assert.Throws<ArgumentOutOfRangeException>(() => new CalibrationTally(2, 1));
        Assert.Throws<ArgumentException>(() => new CalibrationTally(3, 1).Add(Tensor.Zeros([1, 1, 2, 2]), Tensor.Zeros([4, 1, 2, 2])));
    }

    [Fact]
    public void The_picture_shows_what_was_counted()
    {
        using var scope = new Scope();
        var (good, bad) = (CalibrationPicture.Render(Measure(1)), CalibrationPicture.Render(Measure(0.5)));
        Assert.Equal(good.Shape.ToArray(), bad.Shape.ToArray());
        Assert.InRange(good.Min().Item(), 0, 0.2);
        Assert.Equal(1, good.Max().Item());
        // Each of the three plots differs.
        var third = good.Size(3) / 3;
        for (var plot = 0; plot < 3; plot++) Assert.True((good - bad).Narrow(3, plot * third, third).Abs().Max().Item() > 0.3);
        // Nothing counted is a picture too.
        Assert.Equal(good.Shape.ToArray(), CalibrationPicture.Render(new CalibrationTally(9, 1).Report()).Shape.ToArray());
    }

    // Independent pixels N(0.5, v) with v from small to large, measured with noise 0.1; samples are exact but for a factor on their deviations and a shift.
    private static CalibrationReport Measure(double scale, double shift = 0)
    {
        using var scope = new Scope();
        var variances = Tensor.Linspace(0.001, 0.04, _shape.Count, DType.Float64).Reshape(_shape.Batch(1));
        var prior = GaussianDenoiser.Diagonal(Tensor.Full(_shape.Batch(1), 0.5, DType.Float64), variances);
        var tally = new CalibrationTally(Samples, 1);
        for (var image = 0; image < Images; image++)
        {
            using var inner = new Scope();
            var truth = prior.Sample(1, new SeededNoise((ulong)image));
            var y = truth + new SeededNoise((ulong)(1000 + image)).Normal(_shape.Batch(1), DType.Float64) * 0.1;
            var (posterior, _) = prior.Condition(Tensor.Eye(_shape.Count, DType.Float64), y, 0.1);
            var samples = posterior.Sample(Samples, new SeededNoise([.. Enumerable.Range(0, Samples).Select(k => (ulong)(10_000 + image * 100 + k))]));
            tally.Add(truth, (samples - posterior.Mean) * scale + posterior.Mean + shift);
        }
        return tally.Report();
    }
}
