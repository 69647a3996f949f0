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
    private static readonly ImageShape _shape = new(2, 5, 4);

    public static TheoryData<Solver, bool> Cases()
    {
        var data = new TheoryData<Solver, bool>();
        foreach (var perChannel in new[] { false, true })
        {
            data.Add(new Ddrm { Steps = 7 }, perChannel);
            data.Add(new Ddrm { Steps = 7, Eta = 0.4, EtaB = 0.6 }, perChannel);
            data.Add(new DdnmPlus { Steps = 12, TravelLength = 3, TravelRepeat = 2 }, perChannel);
            data.Add(new Snips { Steps = 9 }, perChannel);
            data.Add(new Daps { Steps = 4, Prior = DapsPrior.Gaussian }, perChannel);
        }
        return data;
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void Every_solver_gives_what_it_gives_in_all_coordinates(Solver solver, bool perChannel)
    {
        using var scope = new Scope();
        using var few = Matrix(perChannel, 4);
        using var all = new InAllCoordinates(few);
        var x = new SeededNoise(1, 2, 3).Normal(_shape.Batch(3), DType.Float64);
        var prior = GaussianDenoiser.Isotropic(Tensor.Full(_shape.Batch(1), 0.1), 0.7);
        Tensor Restore(SpectralOperator h) => solver.RestoreAny(Measurement<SpectralOperator>.Simulate(h, x, 0.05, new SeededNoise(4, 5, 6)), prior, new SeededNoise(7, 8, 9)).Estimate;
        OraclePriors.Close(Restore(all), Restore(few), 1e-9, solver.Name);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Observed_coordinates_are_the_first_of_all(bool perChannel)
    {
        using var scope = new Scope();
        using var h = Matrix(perChannel, 4);
        var x = new SeededNoise(1, 2).Normal(_shape.Batch(2), DType.Float64);
        var c = h.VT(x);
        var observed = h.Observed(x);
        OraclePriors.Close(c.Narrow(-1, 0, 4), observed, 1e-12, "observed");
        var without = Tensor.Cat([observed, c.Narrow(-1, 4, c.Size(-1) - 4).ZerosLike()], -1);
        OraclePriors.Close(h.V(without), h.FromObserved(observed), 1e-12, "from observed");
    }

    private static DenseMatrix Matrix(bool perChannel, long rows)
    {
        using var scope = new Scope();
        return new(_shape, new SeededNoise(10).Normal([1, rows, perChannel ? 20 : 40], DType.Float64).Squeeze(0) * 0.2, perChannel) { DType = DType.Float64 };
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
