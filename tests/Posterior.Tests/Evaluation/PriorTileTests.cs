using Posterior.Evaluation;
using Posterior.Imaging;
using Posterior.Networks;
using Posterior.Torch;

namespace Posterior.Tests.Evaluation;

public sealed class PriorTileTests
{
    [Theory]
    [InlineData(0.1)]
    [InlineData(1)]
    [InlineData(10)]
    [InlineData(100)]
    public void Tiles_of_the_shipped_photo_give_the_whole_image_to_a_thousandth(double sigma)
    {
        using var noGrad = new NoGrad();
        using var scope = new Scope();
        using var tiled = Prior.Load(new() { Tile = "384" });
        using var whole = Prior.Load(new() { Tile = "off" });
        var pictures = SampleImages.Files().Select(path => ValueRange.ToSigned(ImageFile.Load(path))).ToArray();
        var x = Tensor.Cat([pictures[0], pictures[1], pictures[2], pictures[0].Narrow(3, 0, 128)], 3);
        x = x.AddScaled(new SeededNoise(5).NormalLike(x), sigma);
        var expected = whole.For(3).Denoise(x, sigma);
        var found = tiled.For(3).Denoise(x, sigma);
        var difference = (found - expected).Abs().Max().Item();
        // Above 0: the image was cut.
        Assert.InRange(difference, double.Epsilon, 1e-3);
    }

    [Fact]
    public void Nothing_beyond_the_receptive_radius_changes_a_pixel()
    {
        using var noGrad = new NoGrad();
        using var scope = new Scope();
        using var network = new PhotoUNet(new() { Widths = [8, 8], Blocks = [1, 1], EmbeddingWidth = 8 });
        var noise = new SeededNoise(1);
        foreach (var parameter in network.Parameters) parameter.CopyFrom(noise.Normal([1, parameter.Count]).Reshape(parameter.Shape) * 0.3);
        // Patch 2: first and last layer 2 each, a block down and one up at scale 2, one at scale 4, grids of 4.
        Assert.Equal(2 * 2 + 2 * 2 * 2 + 4 * 2 + 4, network.ReceptiveRadius);
        var (x, label) = (new SeededNoise(2).Normal([1, 3, 16, 128]), Tensor.Zeros([1]));
        var changed = x.Clone();
        changed.Narrow(3, 64, 64).Fill(3);
        var difference = (network.Forward(x, label) - network.Forward(changed, label)).Abs();
        Assert.Equal(0, difference.Narrow(3, 0, 64 - network.ReceptiveRadius).Max().Item());
        Assert.True(difference.Narrow(3, 64 - network.ReceptiveRadius / 2, 8).Max().Item() > 0);
    }
}
