using Posterior.Diffusion;
using Posterior.Imaging;
using Posterior.Operators;
using Posterior.Solvers;
using Posterior.Torch;

namespace Posterior.Tests.Solvers;

public sealed class IlvrTests
{
    private static readonly ImageShape _shape = new(3, 16, 16);

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Is_ddrm_with_all_noise_fresh_and_the_measurement_taken_whole(bool final)
    {
        using var scope = new Scope();
        using var h = new BlockAverage(_shape, 4);
        var prior = Prior();
        var measurement = Measurement<SpectralOperator>.Simulate(h, new SeededNoise(3, 4).Normal(_shape.Batch(2), DType.Float64) * 0.5, 0, new SeededNoise(4, 5));
        // Few levels, the first of them low: what the start is made of shows in the result.
        var schedule = new ExplicitSchedule(2, 0.8, 0.3);
        var expected = new Ddrm { Schedule = schedule, Eta = 1, EtaB = 1, FinalProjection = final }.Restore(measurement, prior, new SeededNoise(5, 6));
        var actual = new Ilvr { Schedule = schedule, FinalProjection = final }.Restore(measurement, prior, new SeededNoise(5, 6));
        OraclePriors.Close(expected.Estimate, actual.Estimate, 1e-6, "estimate");
        Assert.Equal(expected.Evaluations, actual.Evaluations);
    }

    [Fact]
    public void An_operator_without_singular_values_gives_what_its_decomposition_gives()
    {
        using var scope = new Scope();
        using var decomposed = new BlockAverage(_shape, 4);
        var plain = new UserOperator(_shape, decomposed.OutputShape, decomposed.Apply, decomposed.Adjoint);
        var prior = Prior();
        var y = decomposed.Apply(new SeededNoise(3).Normal(_shape.Batch(1), DType.Float64) * 0.5);
        var expected = new Ilvr().RestoreAny(new Measurement<ForwardOperator>(y, decomposed, 0), prior, new SeededNoise(5)).Estimate;
        var actual = new Ilvr().RestoreAny(new Measurement<ForwardOperator>(y, plain, 0), prior, new SeededNoise(5)).Estimate;
        OraclePriors.Close(expected, actual, 1e-4, "estimate");
        OraclePriors.Close(y, decomposed.Apply(actual), 1e-4, "measurement");
    }

    private static GaussianDenoiser Prior() => GaussianDenoiser.Diagonal(
        new SeededNoise(21).Normal(_shape.Batch(1), DType.Float64) * 0.3, new SeededNoise(22).Normal(_shape.Batch(1), DType.Float64).Square() * 0.1);
}
