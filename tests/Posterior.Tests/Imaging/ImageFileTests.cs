using Posterior.Imaging;
using Posterior.Torch;

namespace Posterior.Tests.Imaging;

public sealed class ImageFileTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("a.png", 8, 1)]
    [InlineData("a.png", 8, 3)]
    [InlineData("a.png", 16, 1)]
    [InlineData("a.png", 16, 3)]
    [InlineData("a.tif", 8, 1)]
    [InlineData("a.tiff", 8, 3)]
    [InlineData("a.tif", 16, 1)]
    [InlineData("a.tif", 16, 3)]
    [InlineData("a.webp", 8, 3)]
    public void Every_sample_value_survives_loading_and_saving_bit_for_bit(string name, int bits, int channels)
    {
        var before = LiveHandles.Count();
        using (var scope = new Scope())
        {
            var levels = 1 << bits;
            var count = channels * 256L * 256;
            var values = Tensor.Arange(0, count, dtype: DType.Float64);
            var image = ((values - (values / levels).Floor() * levels) / (levels - 1)).To(DType.Float32).Reshape(1, channels, 256, 256);
            ImageFile.Save(_folder[name], image, new SaveOptions { Bits = bits });
            var loaded = ImageFile.Load(_folder[name], out var info);
            Assert.Equal((bits, (long)channels), (info.Bits, loaded.Size(1)));
            Assert.Equal(image.ToArray<float>(), loaded.ToArray<float>());
            Assert.Equal([name], Directory.EnumerateFileSystemEntries(_folder.Path).Select(Path.GetFileName));
        }
        Assert.Equal(before, Tensor.LiveCount);
    }

    [Fact]
    public void A_grey_webp_comes_back_as_colour_with_equal_channels()
    {
        using var scope = new Scope();
        var image = Tensor.Linspace(0, 1, 256).Reshape(1, 1, 16, 16);
        ImageFile.Save(_folder["a.webp"], image);
        var loaded = ImageFile.Load(_folder["a.webp"]);
        Assert.Equal(3, loaded.Size(1));
        Assert.True((loaded - image).Abs().Max().Item() < 1e-6);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    public void Floating_point_tiff_keeps_values_outside_of_the_range(int channels)
    {
        using var scope = new Scope();
        var image = new SeededNoise(1).Normal([1, channels, 7, 5]) * 3;
        ImageFile.Save(_folder["a.tif"], image, new SaveOptions { Bits = 32 });
        Assert.Equal(image.ToArray<float>(), ImageFile.Load(_folder["a.tif"], out var info).ToArray<float>());
        Assert.Equal(32, info.Bits);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    public void Jpeg_keeps_a_smooth_picture_within_its_quality(int channels)
    {
        using var scope = new Scope();
        var ramp = Tensor.Linspace(0, 1, 64).Reshape(1, 1, 1, 64).Repeat(1, channels, 48, 1);
        ImageFile.Save(_folder["a.jpg"], ramp);
        var loaded = ImageFile.Load(_folder["a.jpg"]);
        Assert.True(loaded.Shape.SequenceEqual(ramp.Shape));
        Assert.True((loaded - ramp).Abs().Max().Item() < 0.02);
    }

    [Fact]
    public void Values_outside_of_the_range_are_limited_in_integer_files()
    {
        using var scope = new Scope();
        ImageFile.Save(_folder["a.png"], Tensor.From([-1f, 0.5f, float.PositiveInfinity, 1.2f], 1, 2, 2));
        Assert.Equal([0, 128 / 255f, 1, 1], ImageFile.Load(_folder["a.png"]).ToArray<float>());
    }

    [Fact]
    public void Bytes_for_training_are_the_stored_samples()
    {
        using var scope = new Scope();
        var image = Tensor.Arange(0, 12).Reshape(1, 3, 2, 2) / 255;
        ImageFile.Save(_folder["a.png"], image);
        var bytes = ImageFile.DecodeBytes(ImageFile.ReadBytes(_folder["a.png"]), "a.png");
        Assert.Equal(DType.UInt8, bytes.DType);
        Assert.Equal([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11], bytes.ToArray<byte>());
    }
}
