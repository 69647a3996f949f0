namespace Posterior.Torch.Tests;

public sealed class NoiseInvarianceTests
{
    [Fact]
    public void Noise_made_in_parallel_is_what_one_thread_makes()
    {
        using var scope = new Scope();
        var z = new SeededNoise(42, 43).Normal([2, 3, 100, 101]);
        // More numbers than are made at once, without blocks.
        var alone = new float[3 * 100 * 101];
        NormalStream.Fill(43, 0, alone);
        Assert.Equal(alone, z.Narrow(0, 1, 1).ToArray<float>());
        Assert.Equal(alone, new SeededNoise(43).Normal([1, 3, 100, 101]).ToArray<float>());
        Assert.Equal(z.To(DType.Float64).ToArray<double>(), new SeededNoise(42, 43).Normal([2, 3, 100, 101], DType.Float64).ToArray<double>());
    }

    [Fact]
    public void A_batch_of_another_size_than_the_seeds_is_refused() => Assert.Contains("2 seeded images", Assert.Throws<ArgumentException>(() => new SeededNoise(1, 2).Normal([3, 4])).Message, StringComparison.Ordinal);

    [Fact]
    public void Recorded_noise_comes_back_in_order_until_it_is_used_up()
    {
        using var scope = new Scope();
        var replayed = new ReplayedNoise([Tensor.Full([1, 2], 1), Tensor.Full([1, 3], 2)]);
        Assert.Equal([1f, 1], replayed.Normal([1, 2]).ToArray<float>());
        Assert.Throws<InvalidOperationException>(() => replayed.Normal([1, 2]));
        Assert.Equal(0, replayed.Remaining);
        Assert.Throws<InvalidOperationException>(() => replayed.Normal([1, 3]));
    }
}
