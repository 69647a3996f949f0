using Posterior.Torch.Optim;

namespace Posterior.Torch.Tests.Optim;

public sealed class MuonTests
{
    // The quintic Newton-Schulz iteration of the reference, on singular values.
    private static double Iterated(double s)
    {
        for (var i = 0; i < 5; i++) s = 3.4445 * s - 4.7750 * Math.Pow(s, 3) + 2.0315 * Math.Pow(s, 5);
        return s;
    }

    [Theory]
    [InlineData(5, 9)]
    [InlineData(9, 5)]
    [InlineData(1, 7)]
    [InlineData(4, 4)]
    public void Orthogonalising_keeps_singular_vectors_and_iterates_singular_values(int rows, int columns)
    {
        using var scope = new Scope();
        var matrix = new SeededNoise(3).Normal([1, rows * columns], DType.Float64).Reshape(rows, columns);
        var (u, s, vh) = matrix.Svd();
        var norm = Math.Sqrt(matrix.Square().Sum().Item());
        var expected = (u * Tensor.From([.. s.ToArray<double>().Select(value => Iterated(value / norm))], s.Count)).MatMul(vh);
        Assert.True((Muon.Orthogonalise(matrix) - expected).Abs().Max().Item() < 1e-9);
    }

    [Fact]
    public void A_zero_matrix_stays_zero() =>
        Assert.Equal(0, Muon.Orthogonalise(Tensor.Zeros([3, 4])).Abs().Max().Item());

    [Theory]
    [InlineData(1e-20)]
    [InlineData(1e-30)]
    public void What_is_left_of_a_gradient_that_has_ended_moves_nothing(double size)
    {
        using var scope = new Scope();
        var matrix = new SeededNoise(1).Normal([1, 64 * 300]).Reshape(64, 300) * size;
        Assert.InRange(Muon.Orthogonalise(matrix).Abs().Max().Item(), 0, 1e-3);
    }

    [Fact]
    public void Kernels_step_along_the_orthogonalised_average_and_other_parameters_as_with_AdamW()
    {
        using var scope = new Scope();
        const double rate = 0.01, b1 = 0.95;
        var noise = new SeededNoise(1);
        var (kernel, bias, twin) = (noise.Normal([1, 54], DType.Float64).Reshape(3, 2, 3, 3), Tensor.From([1.0, -2, 3], 3), Tensor.From([1.0, -2, 3], 3));
        var pull = noise.Normal([1, 54], DType.Float64).Reshape(3, 2, 3, 3);
        foreach (var parameter in new[] { kernel, bias, twin }) parameter.RequiresGrad = true;
        using var muon = new Muon([("kernel", kernel), ("bias", bias)], beta2: 0.99) { LearningRate = rate };
        using var adam = new AdamW([("bias", twin)]) { LearningRate = rate, Beta2 = 0.99 };
        var (expected, average) = (kernel.Detach().Clone(), pull.ZerosLike());
        for (var t = 1; t <= 4; t++)
        {
            ((kernel * pull).Sum() * t + bias.Square().Sum()).Backward();
            twin.Square().Sum().Backward();
            muon.Step();
            adam.Step();
            average = average * b1 + pull * (t * (1 - b1));
            var ahead = (pull * (t * (1 - b1)) + average * b1).Reshape(3, -1);
            expected = expected.AddScaled(Muon.Orthogonalise(ahead).Reshape(3, 2, 3, 3), -rate * 0.2 * Math.Sqrt(18));
        }
        Assert.True((kernel.Detach() - expected).Abs().Max().Item() < 1e-12);
        Assert.Equal(twin.Detach().ToArray<double>(), bias.Detach().ToArray<double>());
        Assert.Equal(4, muon.Steps);
        Assert.Equal(["kernel.momentum", "bias.exp_avg", "bias.exp_avg_sq"], muon.State.Select(state => state.Name));
    }

    [Fact]
    public void What_counts_as_a_hidden_matrix_is_the_networks_to_say()
    {
        using var scope = new Scope();
        var (hidden, other) = (Tensor.Ones([2, 3]), Tensor.Ones([2, 3]));
        using var muon = new Muon([("hidden", hidden), ("other", other)], hidden: (name, _) => name == "hidden");
        Assert.Equal(["hidden.momentum", "other.exp_avg", "other.exp_avg_sq"], muon.State.Select(state => state.Name));
    }

    [Fact]
    public void Decay_shrinks_kernels_without_gradient_pull()
    {
        using var scope = new Scope();
        var kernel = Tensor.Ones([1, 1, 1, 1]);
        kernel.RequiresGrad = true;
        using var muon = new Muon([("kernel", kernel)], weightDecay: 0.5) { LearningRate = 0.1 };
        (kernel * 0).Sum().Backward();
        muon.Step();
        Assert.Equal(0.95f, kernel.Detach().ToArray<float>()[0], 6);
    }
}
