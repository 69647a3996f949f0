namespace Posterior.Torch.Tests;

public sealed class NormalStreamTests
{
    [Theory]
    [InlineData(0UL, 0UL)]
    [InlineData(7UL, 12345UL)]
    [InlineData(ulong.MaxValue, 1UL << 40)]
    public void Vectors_give_the_bits_of_the_scalar_code(ulong seed, ulong start)
    {
        var vectors = new float[2_000_003];
        var scalar = new float[vectors.Length];
        NormalStream.Fill(seed, start, vectors);
        NormalStream.FillScalar(NormalStream.Mix(seed + 0x9E3779B97F4A7C15), start, scalar);
        Assert.True(vectors.AsSpan().SequenceEqual(scalar));
        Assert.True(scalar.Max() > 4.5f);
    }

    [Fact]
    public void A_stream_can_be_cut_anywhere()
    {
        var whole = new float[1000];
        NormalStream.Fill(3, 10, whole);
        var tail = new float[987];
        NormalStream.Fill(3, 23, tail);
        Assert.Equal(whole[13..], tail);
    }

    [Fact]
    public void The_stream_never_changes_from_one_version_to_the_next()
    {
        var first = new float[6];
        NormalStream.Fill(42, 0, first);
        Assert.Equal([-0.51583785f, 0.28271103f, -0.36177102f, -0.2640618f, 0.6251162f, -1.1169523f], first);
        var far = new float[8];
        NormalStream.Fill(42, 1UL << 33, far);
        Assert.Equal([0.16866882f, -1.0363054f, 0.5559966f, 0.44845402f, -0.6117584f, 0.1861114f], far[..6]);
    }

    [Fact]
    public void An_image_gets_the_same_noise_in_any_batch_and_the_draws_follow_each_other()
    {
        using var scope = new Scope();
        var batch = new SeededNoise(5, 6, 7);
        var alone = new SeededNoise(6);
        for (var draw = 0; draw < 2; draw++)
        {
            var expected = alone.Normal([1, 3, 50, 130]).ToArray<float>();
            Assert.Equal(expected, batch.Normal([3, 3, 50, 130]).Slice(0, 1, 2).ToArray<float>());
        }
    }
}
