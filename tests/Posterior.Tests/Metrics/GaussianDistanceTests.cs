using Posterior.Metrics;
using Posterior.Torch;

namespace Posterior.Tests.Metrics;

public sealed class GaussianDistanceTests
{
    [Fact]
    public void Of_single_numbers_it_is_the_distance_of_means_and_deviations()
    {
        using var scope = new Scope();
        double[] one = [1], four = [4], nine = [9];
        Assert.Equal(Math.Sqrt(9 + 1), GaussianDistance.Wasserstein(Tensor.From([0.0], 1), Tensor.From(four, 1, 1), Tensor.From([3.0], 1), Tensor.From(nine, 1, 1)), 1e-12);
        Assert.Equal(1, GaussianDistance.Wasserstein(Tensor.From([0.0], 1), Tensor.From([0.0], 1, 1), Tensor.From([0.0], 1), Tensor.From(one, 1, 1)), 1e-12);
    }

    // The optimal map from N(0, A) to N(0, T A T), T symmetric and positive, is T: W^2 = tr((I - T) A (I - T)). A and T do not commute.
    [Fact]
    public void Of_covariances_that_do_not_commute_it_is_the_cost_of_the_optimal_map()
    {
        using var scope = new Scope();
        var a = Tensor.From([2.0, 0.7, 0.7, 1.0], 2, 2);
        var t = Tensor.From([1.5, -0.4, -0.4, 0.8], 2, 2);
        var zero = Tensor.Zeros([2], DType.Float64);
        var rest = Tensor.Eye(2, DType.Float64) - t;
        var expected = Math.Sqrt(rest.MatMul(a).MatMul(rest).Diagonal().Sum().Item());
        var b = t.MatMul(a).MatMul(t);
        Assert.Equal(expected, GaussianDistance.Wasserstein(zero, a, zero, b), 1e-10);
        Assert.Equal(expected, GaussianDistance.Wasserstein(zero, b, zero, a), 1e-10);
        Assert.Equal(0, GaussianDistance.Wasserstein(zero, a, zero, a), 1e-7);
    }

    [Fact]
    public void Fit_is_the_mean_and_the_unbiased_covariance()
    {
        using var scope = new Scope();
        var (mean, covariance) = GaussianDistance.Fit(Tensor.From([1f, 2, 3, 6, 5, 4], 3, 1, 1, 2));
        Assert.Equal([3.0, 4], mean.ToArray<double>());
        Assert.Equal([4.0, 2, 2, 4], covariance.ToArray<double>());
    }
}
