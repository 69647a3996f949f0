using Posterior.Diffusion;
using Posterior.Torch;

namespace Posterior.Tests.Diffusion;

public sealed class TiledRestorerTests
{
    private static readonly TileOptions _options = new() { BytesPerPixel = 100, MemoryBytes = 100 * 48 * 48, Context = RandomConvolutions.Radius, Blend = 6, Multiple = 2 };

    [Theory]
    [InlineData(1, 100, 130)]
    [InlineData(3, 100, 130)]
    [InlineData(2, 48, 120)]
    public void Tiles_of_a_convolutional_restorer_give_the_whole_image_at_any_scale(int scale, long height, long width)
    {
        using var scope = new Scope();
        using var inner = new RandomConvolutions(3);
        var enlarging = new Enlarging(inner, scale);
        var picture = new SeededNoise(5, 6).Normal([2, 3, height, width]);
        var whole = enlarging.Restore(picture, 0.5);
        var calls = inner.Calls;
        var tiled = new TiledRestorer(enlarging, _options).Restore(picture, 0.5);
        Assert.True(inner.Calls > calls + 2);
        Assert.Equal(whole.Shape.ToArray(), tiled.Shape.ToArray());
        Assert.InRange((tiled - whole).Abs().Max().Item(), 0, 1e-4);
    }

    private sealed class Enlarging(Denoiser inner, int scale) : OneShotRestorer
    {
        public override long? Channels => inner.Channels;

        public override int Scale => scale;

        public override RestorerInput Input => RestorerInput.Measurement;

        public override Tensor Restore(Tensor picture, double sigma) => inner.Denoise(picture, sigma).UpsampleNearest(picture.Size(2) * scale, picture.Size(3) * scale);
    }
}
