using Posterior.Diffusion;
using Posterior.Torch;

namespace Posterior.Tests.Diffusion;

public sealed class TiledDenoiserTests
{
    private static readonly TileOptions _options = new() { BytesPerPixel = 100, MemoryBytes = 100 * 96 * 96, Context = RandomConvolutions.Radius, Blend = 6, Multiple = 2 };

    [Theory]
    [InlineData(200, 170)]
    [InlineData(96, 400)]
    [InlineData(310, 64)]
    [InlineData(98, 98)]
    [InlineData(98, 130, 4)]
    public void Tiles_of_a_convolutional_denoiser_give_the_whole_image(long height, long width, int multiple = 2)
    {
        var before = LiveHandles.Count();
        using (var inner = new RandomConvolutions(3))
        using (var x = new SeededNoise(5, 6).Normal([2, 3, height, width]))
        using (var whole = inner.Denoise(x, 0.5))
        {
            var calls = inner.Calls;
            using var tiled = new TiledDenoiser(inner, _options with { Multiple = multiple }).Denoise(x, 0.5);
            Assert.True(inner.Calls > calls + 2);
            using var difference = tiled - whole;
            using var absolute = difference.Abs();
            using var largest = absolute.Max();
            Assert.InRange(largest.Item(), 0, 1e-4);
        }
        Assert.Equal(before, Tensor.LiveCount);
    }

    [Fact]
    public void Tiles_stay_within_the_memory_that_they_were_given()
    {
        using var inner = new RandomConvolutions(1);
        using var scope = new Scope();
        new TiledDenoiser(inner, _options).Denoise(Tensor.Zeros([1, 1, 300, 300]), 1);
        Assert.InRange(inner.LargestImage, 1, 98 * 98);
    }

    [Fact]
    public void An_image_that_fits_is_denoised_whole_and_a_batch_that_does_not_in_parts()
    {
        using var inner = new RandomConvolutions(1);
        using var scope = new Scope();
        var tiled = new TiledDenoiser(inner, _options);
        var x = new SeededNoise(1, 2, 3).Normal([3, 1, 64, 96]);
        tiled.Denoise(x.Narrow(0, 0, 1), 1);
        Assert.Equal((1, 64 * 96), (inner.Calls, inner.LargestImage));
        var parts = tiled.Denoise(x, 1);
        Assert.Equal(4, inner.Calls);
        Assert.True((parts - inner.Denoise(x, 1)).Abs().Max().Item() < 1e-5);
    }

    [Theory]
    [InlineData(97, 1000)]
    [InlineData(1001, 1003)]
    [InlineData(5000, 30)]
    public void Tiles_cover_the_image_at_multiples_with_the_overlap(long height, long width)
    {
        using var inner = new RandomConvolutions(1);
        var options = _options with { Multiple = 8 };
        var tiles = new TiledDenoiser(inner, options).Tiles(height, width);
        var rows = tiles.Select(tile => (Start: tile.Top, Length: tile.Height)).Distinct().ToList();
        var columns = tiles.Select(tile => (Start: tile.Left, Length: tile.Width)).Distinct().ToList();
        Assert.Equal(rows.Count * columns.Count, tiles.Count);
        foreach (var (spans, size) in new[] { (rows, height), (columns, width) })
        {
            Assert.Equal((0, size), (spans[0].Start, spans[^1].Start + spans[^1].Length));
            Assert.All(spans, span => Assert.Equal(0, span.Start % 8));
            Assert.Equal(spans.Select(span => span.Start).Distinct().Order(), spans.Select(span => span.Start));
            for (var i = 1; i < spans.Count; i++) Assert.True(spans[i - 1].Start + spans[i - 1].Length - spans[i].Start >= options.Overlap);
        }
    }

    [Fact]
    public void A_constant_image_shows_no_seams()
    {
        using var scope = new Scope();
        var constant = new TiledDenoiser(new Identity(), _options).Denoise(Tensor.Full([1, 3, 333, 257], 0.7), 1);
        Assert.True((constant - 0.7).Abs().Max().Item() < 1e-6);
    }

    private sealed class Identity : Denoiser
    {
        public override long? Channels => null;

        public override (double Min, double Max) SigmaRange => (0, 1);

        public override Tensor Denoise(Tensor x, double sigma) => x.Clone();
    }
}
