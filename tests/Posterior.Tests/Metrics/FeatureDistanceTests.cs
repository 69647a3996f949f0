using Posterior.Metrics;
using Posterior.Torch;

namespace Posterior.Tests.Metrics;

public sealed class FeatureDistanceTests
{
    [Fact]
    public void The_recipe_gives_the_numbers_of_its_check()
    {
        const string Key = "posterior/vgg16/features.0.weight";
        Assert.Equal(0x08b9c214094c4df4ul, RecipeWeights.Hash(Key));
        Assert.Equal([0.370587577516733, 0.911511686613911, 0.692917431729263], Enumerable.Range(0, 3).Select(i => RecipeWeights.Uniform(Key, i)), (x, y) => Math.Abs(x - y) < 1e-15);
    }

    [Fact]
    public void The_Frechet_distance_of_a_shift_is_its_squared_length_and_of_a_scaling_its_closed_form()
    {
        using var scope = new Scope();
        var x = new SeededNoise(1).Normal([1, 300 * 7], DType.Float64).Reshape(300, 7);
        using var one = FeatureStatistics.Of(x);
        using var shifted = FeatureStatistics.Of(x + 2);
        Assert.Equal(7 * 4, one.FrechetDistance(shifted), 8);
        // C2 = 9 C1: tr C1 (1 + 9 - 2 * 3), and the means differ by a factor 3.
        using var scaled = FeatureStatistics.Of(x * 3);
        Assert.Equal(4 * one.Covariance.Diagonal().Sum().Item() + 4 * one.Mean.Square().Sum().Item(), one.FrechetDistance(scaled), 8);
        Assert.Equal(0, one.FrechetDistance(one), 8);
    }

    [Fact]
    public void Fewer_vectors_than_dimensions_are_told_as_a_rank_deficit()
    {
        using var few = FeatureStatistics.Of(new SeededNoise(1).Normal([1, 5 * 16]).Reshape(5, 16));
        Assert.Equal(12, few.RankDeficit);
        using var many = FeatureStatistics.Of(new SeededNoise(1).Normal([1, 40 * 16]).Reshape(40, 16));
        Assert.Equal(0, many.RankDeficit);
        Assert.True(few.FrechetDistance(many) > 0);
    }

    [Fact]
    public void Blocks_of_vectors_give_the_covariance_of_all()
    {
        using var scope = new Scope();
        var x = new SeededNoise(2).Normal([1, 2500 * 3], DType.Float64).Reshape(2500, 3);
        using var statistics = FeatureStatistics.Of(x);
        var centred = x - x.Mean([0]);
        Assert.True((statistics.Covariance - centred.Transpose(0, 1).MatMul(centred) / 2499).Abs().Max().Item() < 1e-12);
    }

    [Fact]
    public void The_kernel_distance_of_one_distribution_is_zero_on_average_and_grows_with_a_shift()
    {
        var same = Enumerable.Range(0, 60).Select(i => Between(i, 0)).ToArray();
        var (mean, error) = (same.Average(), Math.Sqrt(same.Sum(value => value * value)) / same.Length);
        Assert.True(Math.Abs(mean) < 4 * error, $"{mean} +- {error}");
        Assert.Contains(same, value => value < 0);
        Assert.True(Between(1, 1) > 20 * error);

        static double Between(int seed, double shift)
        {
            using var scope = new Scope();
            var both = new SeededNoise((ulong)seed).Normal([1, 60 * 4], DType.Float64).Reshape(60, 4);
            return KernelDistance.Of(both.Narrow(0, 0, 25), both.Narrow(0, 25, 35) + shift);
        }
    }

    [Fact]
    public void What_is_no_set_of_vectors_is_refused()
    {
        using var scope = new Scope();
        Assert.Throws<ArgumentException>(() => FeatureStatistics.Of(Tensor.Zeros([1, 4])));
        Assert.Throws<ArgumentException>(() => FeatureStatistics.Of(Tensor.Full([3, 4], double.NaN)));
        Assert.Throws<ArgumentException>(() => KernelDistance.Of(Tensor.Zeros([3, 4]), Tensor.Zeros([3, 5])));
        using var four = FeatureStatistics.Of(new SeededNoise(1).Normal([1, 12]).Reshape(3, 4));
        using var three = FeatureStatistics.Of(new SeededNoise(1).Normal([1, 12]).Reshape(4, 3));
        Assert.Throws<ArgumentException>(() => four.FrechetDistance(three));
    }
}
