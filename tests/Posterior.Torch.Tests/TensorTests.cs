namespace Posterior.Torch.Tests;

public sealed class TensorTests
{
    [Fact]
    public void Arithmetic_follows_the_numbers()
    {
        using var scope = new Scope();
        var a = Tensor.From([1f, 2, 3, 4], 2, 2);
        var b = Tensor.From([10f, 20], 2);
        Assert.Equal([11f, 41, 31, 81], (a * b + 2 - 1 / (1 / a)).Clone().AddInPlace(a, 1).SubtractInPlace(Tensor.Ones([1])).ToArray<float>());
    }

    [Fact]
    public void Gradient_of_a_square_is_twice_the_input()
    {
        using var scope = new Scope();
        var x = Tensor.From([1f, -2, 3], 3);
        x.RequiresGrad = true;
        var y = x.Square().Sum();
        Assert.Equal([2f, -4, 6], Tensor.Gradients(y, null, [x])[0]!.ToArray<float>());
    }

    [Fact]
    public void A_scope_frees_what_was_made_in_it_and_keeps_what_was_kept()
    {
        var before = LiveHandles.Count();
        Tensor kept;
        using (var scope = new Scope())
        {
            kept = scope.Keep(Tensor.Ones([3]) + Tensor.Ones([3]));
        }
        Assert.Equal(before + 1, Tensor.LiveCount);
        Assert.Equal([2f, 2, 2], kept.ToArray<float>());
        kept.Dispose();
        Assert.Equal(before, Tensor.LiveCount);
    }

    [Fact]
    public void An_error_of_libtorch_becomes_an_exception_of_one_line()
    {
        using var scope = new Scope();
        var error = Assert.Throws<TorchException>(() => Tensor.Ones([2, 3]).MatMul(Tensor.Ones([2, 3])));
        Assert.DoesNotContain('\n', error.Message);
    }

    [Fact]
    public void Svd_multiplies_back_to_the_matrix()
    {
        using var scope = new Scope();
        var a = new SeededNoise(1).Normal([1, 5, 3]).Squeeze(0);
        var (u, s, vh) = a.Svd();
        Assert.True(((u * s).MatMul(vh) - a).Abs().Max().Item() < 1e-5);
    }

    [Fact]
    public void Seeded_noise_is_standard_normal()
    {
        using var scope = new Scope();
        var z = new SeededNoise(7).Normal([1, 1_000_000], DType.Float64);
        Assert.InRange(z.Mean().Item(), -0.004, 0.004);
        Assert.InRange(z.Square().Mean().Item(), 0.995, 1.005);
        Assert.InRange(z.Pow(4).Mean().Item(), 2.96, 3.04);
        Assert.InRange(z.Abs().Greater(1.959964).To(DType.Float64).Mean().Item(), 0.049, 0.051);
        Assert.InRange(z.Abs().Greater(3.890592).To(DType.Float64).Mean().Item(), 0.00006, 0.00014);
    }
}
