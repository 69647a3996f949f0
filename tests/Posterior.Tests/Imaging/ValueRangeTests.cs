using Posterior.Imaging;
using Posterior.Torch;

namespace Posterior.Tests.Imaging;

public sealed class ValueRangeTests
{
    [Fact]
    public void The_ends_and_the_middle_of_the_ranges_meet()
    {
        using var scope = new Scope();
        var unit = Tensor.From([0f, 0.5f, 1, 2], 4);
        Assert.Equal([-1f, 0, 1, 3], ValueRange.ToSigned(unit).ToArray<float>());
        Assert.Equal([0f, 0.5f, 1, 2], ValueRange.ToUnit(ValueRange.ToSigned(unit)).ToArray<float>());
    }

    [Theory]
    [InlineData(255)]
    [InlineData(65535)]
    public void Every_value_of_a_file_survives_the_inner_range(int levels)
    {
        using var scope = new Scope();
        var unit = Tensor.Arange(0, levels + 1) / levels;
        var back = (ValueRange.ToUnit(ValueRange.ToSigned(unit)).To(DType.Float64) * levels).Round();
        Assert.Equal(Enumerable.Range(0, levels + 1).Select(i => (double)i), back.ToArray<double>());
    }

    [Fact]
    public void Noise_in_the_inner_range_is_twice_as_strong()
    {
        Assert.Equal(0.2, new UnitSigma(0.1).Signed);
        Assert.Equal(0.1, UnitSigma.FromSigned(0.2).Value);
        Assert.Equal("0.1", new UnitSigma(0.1).ToString());
    }

    [Theory]
    [InlineData(-0.1)]
    [InlineData(double.NaN)]
    [InlineData(double.PositiveInfinity)]
    [InlineData(101)]
    public void Negative_and_absurd_noise_levels_are_refused(double value) => Assert.Throws<ArgumentOutOfRangeException>(() => new UnitSigma(value));
}
