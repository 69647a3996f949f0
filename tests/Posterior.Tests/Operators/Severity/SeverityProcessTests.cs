using Posterior.Imaging;
using Posterior.Operators;
using Posterior.Torch;

namespace Posterior.Tests.Operators;

public sealed class SeverityProcessTests
{
    private static readonly ImageShape _shape = new(2, 12, 16);

    public static TheoryData<string> Processes() => ["severity-blur:max=1.5,size=21", "severity-mask:max=3", "severity-box:size=7", "severity-down:factor=4"];

    // Definition 3.1 of the paper: A'' x is a function of A' x. For linear maps that is A'' A'^+ A' = A'', whatever x.
    [Theory]
    [MemberData(nameof(Processes))]
    public void A_more_severe_degradation_follows_from_a_milder_one_without_the_image(string text)
    {
        using var scope = new Scope();
        var process = Process(text);
        var x = new SeededNoise(1, 2).Normal(_shape.Batch(2), DType.Float64);
        double[] times = [0, 0.13, 0.4, 0.77, 1];
        for (var i = 0; i < times.Length; i++)
        {
            for (var j = i + 1; j < times.Length; j++)
            {
                using var mild = process.At(_shape, times[i]);
                using var severe = process.At(_shape, times[j]);
                var expected = severe.Apply(x);
                var error = (severe.Apply(mild.PseudoInverse(mild.Apply(x))) - expected).Norm().Item() / expected.Norm().Item();
                // The pseudo-inverse of the blur is iterated.
                Assert.True(error < 1e-4, $"{text} from {times[i]} to {times[j]}: {error}");
            }
        }
    }

    // A milder one cannot be had from a more severe one: what the mask removed is gone.
    [Fact]
    public void A_milder_degradation_does_not_follow_from_a_more_severe_one()
    {
        using var scope = new Scope();
        var x = new SeededNoise(1).Normal(_shape.Batch(1), DType.Float64);
        foreach (var text in new[] { "severity-box:size=7", "severity-down:factor=4" })
        {
            using var mild = Process(text).At(_shape, 0.3);
            using var severe = Process(text).At(_shape, 1);
            var expected = mild.Apply(x);
            Assert.True((mild.Apply(severe.PseudoInverse(severe.Apply(x))) - expected).Norm().Item() > 0.1 * expected.Norm().Item(), text);
        }
    }

    [Theory]
    [MemberData(nameof(Processes))]
    public void Each_image_of_a_batch_is_degraded_at_its_own_time(string text)
    {
        using var scope = new Scope();
        var process = Process(text) with { Schedule = new([0, 0.3, 1], [0, 0.8, 1]) };
        var x = new SeededNoise(1, 2, 3).Normal(_shape.Batch(3), DType.Float64);
        double[] times = [0.1, 0.6, 1];
        var all = process.Degrade(x, times);
        for (var i = 0; i < times.Length; i++)
        {
            using var a = process.At(_shape, times[i]);
            Assert.True((all.Narrow(0, i, 1) - a.Apply(x.Narrow(0, i, 1))).Abs().Max().Item() < 1e-12, $"{text} at {times[i]}");
            Assert.True(AdjointTest.Run(a).Holds, a.Name);
        }
    }

    // The blur keeps an imperceptible width at t = 0 (0.3 pixels: 0.4% of a pixel's value goes to each neighbour); the others are the identity.
    [Theory]
    [MemberData(nameof(Processes))]
    public void At_time_0_next_to_nothing_is_lost(string text)
    {
        using var scope = new Scope();
        var x = new SeededNoise(1).Normal(_shape.Batch(1), DType.Float64);
        var degraded = Process(text).Degrade(x, [0]);
        Assert.True((degraded - x).Norm().Item() <= (text.Contains("blur", StringComparison.Ordinal) ? 0.03 : 0) * x.Norm().Item());
    }

    [Theory]
    [MemberData(nameof(Processes))]
    public void The_operator_of_the_catalogue_is_the_process_at_its_time(string text)
    {
        using var scope = new Scope();
        var x = new SeededNoise(1).Normal(_shape.Batch(1), DType.Float64);
        using var bound = (SpectralOperator)OperatorCatalog.Parse(text + ",t=0.5").Bind(_shape, dtype: DType.Float64);
        using var exact = Process(text).At(_shape, 0.5);
        Assert.Equal(bound.Name, exact.Name);
        // Apart from singular values below the threshold.
        Assert.True((bound.Apply(x) - exact.Apply(x)).Norm().Item() <= 1.5 * SeveritySpec.Threshold * x.Norm().Item());
    }

    [Fact]
    public void The_greedy_schedule_halves_equal_distances_and_stops_when_nothing_gets_closer()
    {
        var line = new double[5, 5];
        for (var i = 0; i < 5; i++)
            for (var j = 0; j < 5; j++) line[i, j] = Math.Abs(i - j);
        Assert.Equal([0, 2, 4], GreedySchedule.Of(line, 1).Indices);
        Assert.Equal([0, 1, 2, 3, 4], GreedySchedule.Of(line, 3).Indices);
        Assert.Equal(3, GreedySchedule.Of(line, 100).Added.Count);
        var far = new double[3, 3] { { 0, 5, 1 }, { 5, 0, 5 }, { 1, 5, 0 } };
        Assert.Empty(GreedySchedule.Of(far, 1).Added);
    }

    [Fact]
    public void A_schedule_that_falls_or_does_not_span_the_times_is_refused()
    {
        Assert.Throws<OperatorException>(() => new SeveritySchedule([0, 0.5, 1], [0, 0.6, 0.5]));
        Assert.Throws<OperatorException>(() => new SeveritySchedule([0, 0.5], [0, 1]));
        Assert.Throws<OperatorException>(() => new SeveritySchedule([0, 1], [0, 0.5, 1]));
        Assert.Equal(0.25, SeveritySchedule.Linear.At(0.25));
    }

    private static SeverityProcess Process(string text) => new((SeveritySpec)OperatorCatalog.Parse(text));
}
