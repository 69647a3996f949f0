using Posterior.Metrics;

namespace Posterior.Tests.Metrics;

public sealed class ChiSquareTests
{
    // Tables of the distribution (Abramowitz, Stegun 1964, Table 26.8).
    [Theory]
    [InlineData(3.84146, 1, 0.05)]
    [InlineData(18.3070, 10, 0.05)]
    [InlineData(2.55821, 10, 0.99)]
    [InlineData(59.7031, 30, 0.001)]
    public void Quantiles_of_the_tables_have_their_probability(double value, double degrees, double probability) => Assert.Equal(probability, ChiSquare.UpperTail(value, degrees), probability * 1e-4);

    [Theory]
    [InlineData(0.3)]
    [InlineData(4)]
    [InlineData(90)]
    public void With_two_degrees_of_freedom_it_is_exponential(double value) => Assert.Equal(Math.Exp(-value / 2), ChiSquare.UpperTail(value, 2), Math.Exp(-value / 2) * 1e-9);

    [Fact]
    public void Nothing_is_certain_and_a_negative_sum_is_refused()
    {
        Assert.Equal(1, ChiSquare.UpperTail(0, 5));
        Assert.Throws<ArgumentOutOfRangeException>(() => ChiSquare.UpperTail(-1, 5));
        Assert.Throws<ArgumentOutOfRangeException>(() => ChiSquare.UpperTail(1, 0));
    }
}
