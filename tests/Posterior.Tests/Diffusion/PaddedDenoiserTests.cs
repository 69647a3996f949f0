using Posterior.Diffusion;
using Posterior.Torch;

namespace Posterior.Tests.Diffusion;

public sealed class PaddedDenoiserTests
{
    [Theory]
    [InlineData(1, 1)]
    [InlineData(1, 7)]
    [InlineData(3, 2)]
    [InlineData(9, 31)]
    [InlineData(16, 24)]
    public void Any_size_comes_back_in_its_size_and_the_network_sees_multiples(long height, long width)
    {
        var before = LiveHandles.Count();
        using (var x = new SeededNoise(1).Normal([1, 3, height, width]))
        {
            var spy = new Spy();
            using var result = new PaddedDenoiser(spy, 8, minimum: 16).Denoise(x, 1);
            Assert.Equal(x.ToArray<float>(), result.ToArray<float>());
            Assert.True(x.Shape.SequenceEqual(result.Shape));
            Assert.Equal(((Math.Max(height, 16) + 7) / 8 * 8, (Math.Max(width, 16) + 7) / 8 * 8), spy.Seen);
        }
        Assert.Equal(before, Tensor.LiveCount);
    }

    [Fact]
    public void The_border_is_a_reflection_where_the_image_is_large_enough()
    {
        using var scope = new Scope();
        var spy = new Spy();
        new PaddedDenoiser(spy, 4).Denoise(Tensor.From([1f, 2, 3, 4, 5, 6], 1, 1, 1, 6), 1);
        Assert.Equal([1, 2, 3, 4, 5, 6, 5, 4], spy.Last![..8]);
        // One row only: it is repeated.
        Assert.Equal(spy.Last[..8], spy.Last[24..]);
    }

    private sealed class Spy : Denoiser
    {
        public (long, long) Seen { get; private set; }

        public float[]? Last { get; private set; }

        public override long? Channels => null;

        public override (double Min, double Max) SigmaRange => (0, 1);

        public override Tensor Denoise(Tensor x, double sigma)
        {
            (Seen, Last) = ((x.Size(2), x.Size(3)), x.ToArray<float>());
            return x.Clone();
        }
    }
}
