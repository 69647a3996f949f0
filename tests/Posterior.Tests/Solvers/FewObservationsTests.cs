using Posterior.Diffusion;
using Posterior.Imaging;
using Posterior.Operators;
using Posterior.Solvers;
using Posterior.Torch;

namespace Posterior.Tests.Solvers;

/// <summary>The short form of spectral steps for operators that observe few coordinates, against the one in all coordinates.</summary>
[Collection(LiveHandles.Name)]
public sealed class FewObservationsTests
{
    private static readonly ImageShape _shape = new(2, 6, 9);

    /// <summary>What observes few coordinates: a matrix of all of an image, of each channel, or of each tile.</summary>
    public enum Few
    {
        OfImage,
        OfChannel,
        OfTile,
    }

    public static TheoryData<Solver, Few> Cases()
    {
        var data = new TheoryData<Solver, Few>();
        foreach (var few in Enum.GetValues<Few>())
        {
            data.Add(new Ddrm { Steps = 7 }, few);
            data.Add(new Ddrm { Steps = 7, Eta = 0.4, EtaB = 0.6 }, few);
            data.Add(new DdnmPlus { Steps = 12, TravelLength = 3, TravelRepeat = 2 }, few);
            data.Add(new Snips { Steps = 9 }, few);
            data.Add(new Daps { Steps = 4, Prior = DapsPrior.Gaussian }, few);
        }
        return data;
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void Every_solver_gives_what_it_gives_in_all_coordinates(Solver solver, Few few)
    {
        using var scope = new Scope();
        using var h = Operator(few);
        using var all = new InAllCoordinates(h);
        var x = new SeededNoise(1, 2, 3).Normal(_shape.Batch(3), DType.Float64);
        var prior = GaussianDenoiser.Isotropic(Tensor.Full(_shape.Batch(1), 0.1), 0.7);
        Tensor Restore(SpectralOperator g) => solver.RestoreAny(Measurement<SpectralOperator>.Simulate(g, x, 0.05, new SeededNoise(4, 5, 6)), prior, new SeededNoise(7, 8, 9)).Estimate;
        OraclePriors.Close(Restore(all), Restore(h), 1e-9, solver.Name);
    }

    [Theory]
    [InlineData(Few.OfImage)]
    [InlineData(Few.OfChannel)]
    [InlineData(Few.OfTile)]
    public void Observed_coordinates_are_the_first_of_all(Few few)
    {
        using var scope = new Scope();
        using var h = Operator(few);
        var observing = (IFewObservations)h;
        Assert.Equal(4, observing.Rank);
        var x = new SeededNoise(1, 2).Normal(_shape.Batch(2), DType.Float64);
        var c = h.VT(x);
        var observed = observing.Observed(x);
        OraclePriors.Close(c.Narrow(-1, 0, 4), observed, 1e-12, "observed");
        var without = Tensor.Cat([observed, c.Narrow(-1, 4, c.Size(-1) - 4).ZerosLike()], -1);
        OraclePriors.Close(h.V(without), observing.FromObserved(observed), 1e-12, "from observed");
    }

    private static SpectralOperator Operator(Few few)
    {
        using var scope = new Scope();
        return few == Few.OfTile
            ? new BlockSensing(_shape, new SeededNoise(10).Normal([1, 4, 9], DType.Float64).Squeeze(0) * 0.3) { DType = DType.Float64 }
            : Matrix(few == Few.OfChannel, 4);
    }

    private static DenseMatrix Matrix(bool perChannel, long rows)
    {
        using var scope = new Scope();
        return new(_shape, new SeededNoise(10).Normal([1, rows, perChannel ? 54 : 108], DType.Float64).Squeeze(0) * 0.2, perChannel) { DType = DType.Float64 };
    }

    private sealed class InAllCoordinates(SpectralOperator h) : SpectralOperator
    {
        public override string Name => h.Name;

        public override ImageShape InputShape => h.InputShape;

        public override IReadOnlyList<long> OutputShape => h.OutputShape;

        public override Tensor SingularValues => h.SingularValues;

        public override Tensor VT(Tensor x) => h.VT(x);

        public override Tensor V(Tensor c) => h.V(c);

        public override Tensor UT(Tensor y) => h.UT(y);

        public override Tensor U(Tensor c) => h.U(c);
    }
}
