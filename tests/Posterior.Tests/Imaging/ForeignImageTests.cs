using Posterior.Imaging;
using Posterior.Torch;

namespace Posterior.Tests.Imaging;

/// <summary>Files as other programs write them: palettes, transparency, rotation, profiles, unusual samples.</summary>
public sealed class ForeignImageTests
{
    [Fact]
    public void A_palette_becomes_colours()
    {
        var file = PngBuilder.Build(4, 1, 2, PngBuilder.Palette, [0b00_01_10_11], 1, ("PLTE", [255, 0, 0, 0, 255, 0, 0, 0, 255, 10, 20, 30]));
        Check(file, [3, 1, 4], [255, 0, 0, 10, 0, 255, 0, 20, 0, 0, 255, 30]);
    }

    [Fact]
    public void One_bit_is_black_and_white() => Check(PngBuilder.Build(8, 1, 1, PngBuilder.Grey, [0b10110001], 1), [1, 1, 8], [255, 0, 255, 255, 0, 0, 0, 255]);

    [Fact]
    public void Transparency_is_flattened_onto_white_and_opaque_pixels_stay_exact()
    {
        var file = PngBuilder.Build(3, 1, 8, PngBuilder.ColourAlpha, [10, 20, 30, 255, 0, 0, 0, 0, 0, 100, 200, 128], 12);
        using var image = ImageFile.Decode(file, "a.png", out var info);
        Assert.Equal((true, 4), (info.HadAlpha, info.Channels));
        var values = image.ToArray<float>();
        Assert.Equal([10 / 255f, 1, 20 / 255f, 1, 30 / 255f, 1], [values[0], values[1], values[3], values[4], values[6], values[7]]);
        Assert.Equal(127 / 255.0, values[2], 0.01);
        Assert.Equal((100 * 128 + 255 * 127) / 255.0 / 255, values[5], 0.01);
    }

    [Fact]
    public void Grey_of_16_bits_with_transparency_is_flattened_too()
    {
        var file = PngBuilder.Build(2, 1, 16, PngBuilder.GreyAlpha, [0x12, 0x34, 0xFF, 0xFF, 0, 0, 0, 0], 8);
        using var image = ImageFile.Decode(file, "a.png", out var info);
        Assert.Equal(16, info.Bits);
        Assert.Equal([0x1234 / 65535f, 1], image.ToArray<float>());
    }

    [Fact]
    public void Every_blend_of_8_bits_is_exact_and_rounded_only_where_bytes_are_wanted()
    {
        byte[] samples = [.. Enumerable.Range(0, 256 * 256).SelectMany(i => new[] { (byte)(i % 256), (byte)(i / 256) })];
        var file = PngBuilder.Build(256, 256, 8, PngBuilder.GreyAlpha, samples, 512);
        using var image = ImageFile.Decode(file, "a.png", out var info);
        using var bytes = ImageFile.DecodeBytes(file, "a.png");
        Assert.Equal((8, true, 2), (info.Bits, info.HadAlpha, info.Channels));
        var (values, rounded) = (image.ToArray<float>(), bytes.ToArray<byte>());
        for (var i = 0; i < values.Length; i++)
        {
            var (grey, alpha) = (i % 256, i / 256);
            var exact = (grey * alpha + 255 * (255 - alpha)) / 255.0;
            Assert.Equal(exact / 255, values[i], 2e-7);
            Assert.Equal(exact, rounded[i], 0.5);
            if (alpha is 0 or 255) Assert.Equal((alpha == 0 ? 1 : grey / 255f, alpha == 0 ? 255 : grey), (values[i], rounded[i]));
        }
    }

    [Fact]
    public void A_blend_of_16_bits_is_exact()
    {
        using var image = ImageFile.Decode(PngBuilder.Build(1, 1, 16, PngBuilder.GreyAlpha, [0x12, 0x34, 0x77, 0x77], 4), "a.png", out _);
        Assert.Equal((0x1234 * (double)0x7777 + 65535.0 * (65535 - 0x7777)) / 65535 / 65535, image.ToArray<float>()[0], 2e-7);
    }

    [Theory]
    [InlineData(1, new byte[] { 0, 50, 100, 150, 200, 250 }, 2, 3)]
    [InlineData(3, new byte[] { 250, 200, 150, 100, 50, 0 }, 2, 3)]
    [InlineData(6, new byte[] { 150, 0, 200, 50, 250, 100 }, 3, 2)]
    [InlineData(8, new byte[] { 100, 250, 50, 200, 0, 150 }, 3, 2)]
    [InlineData(2, new byte[] { 100, 50, 0, 250, 200, 150 }, 2, 3)]
    [InlineData(5, new byte[] { 0, 150, 50, 200, 100, 250 }, 3, 2)]
    public void The_exif_rotation_is_applied(byte orientation, byte[] expected, long height, long width)
    {
        // Blocks of 16 pixels keep their value through JPEG.
        using var scope = new Scope();
        var image = Tensor.From([0f, 50, 100, 150, 200, 250], 1, 1, 2, 3).RepeatInterleave(16, 2).RepeatInterleave(16, 3) / 255;
        using var folder = new TemporaryFolder();
        ImageFile.Save(folder["a.jpg"], image, new SaveOptions { Quality = 100 });
        var jpeg = File.ReadAllBytes(folder["a.jpg"]);
        byte[] exif = [.. "Exif\0\0II*\0"u8, 8, 0, 0, 0, 1, 0, 0x12, 1, 3, 0, 1, 0, 0, 0, orientation, 0, 0, 0, 0, 0, 0, 0];
        byte[] rotated = [.. jpeg[..2], 0xFF, 0xE1, 0, (byte)(exif.Length + 2), .. exif, .. jpeg[2..]];
        var loaded = ImageFile.Decode(rotated, "a.jpg", out var info);
        Assert.Equal((int)orientation, info.Orientation);
        Assert.Equal([1, 1, height * 16, width * 16], loaded.Shape.ToArray());
        var centres = loaded.Slice(2, 8, height * 16, 16).Slice(3, 8, width * 16, 16) * 255;
        Assert.All(centres.Clone().Contiguous().ToArray<float>().Zip(expected), pair => Assert.Equal(pair.Second, pair.First, 2.0f));
    }

    [Fact]
    public void A_colour_profile_is_converted_to_srgb()
    {
        var file = WithProfile("a linear test profile", 1.0);
        using var image = ImageFile.Decode(file, "a.png", out var info);
        Assert.True(info.HadProfile);
        // Half of the light is 188 of 255 in sRGB (IEC 61966-2-1).
        Assert.All(image.ToArray<float>(), value => Assert.Equal(188 / 255f, value, 1.6f / 255));
    }

    [Fact]
    public void A_profile_that_is_srgb_already_changes_nothing()
    {
        using var image = ImageFile.Decode(WithProfile("sRGB IEC61966-2.1", 2.2), "a.png", out var info);
        Assert.True(info.HadProfile);
        Assert.All(image.ToArray<float>(), value => Assert.Equal(128 / 255f, value));
    }

    [Fact]
    public void A_damaged_profile_is_ignored()
    {
        var profile = ProfileBuilder.Build("a test", 1.0);
        Array.Fill<byte>(profile, 0xFF, 128, 60);
        var file = PngBuilder.Build(1, 1, 8, PngBuilder.Colour, [128, 128, 128], 3, ("iCCP", [.. "x\0\0"u8, .. PngBuilder.Deflate(profile)]));
        using var image = ImageFile.Decode(file, "a.png", out _);
        Assert.All(image.ToArray<float>(), value => Assert.Equal(128 / 255f, value, 1.01f / 255));
    }

    [Fact]
    public void Cmyk_becomes_rgb()
    {
        using var image = ImageFile.Decode(TiffBuilder.Build(3, 1, 4, 8, 5, 1, [0, 0, 0, 0, 0, 0, 0, 255, 255, 0, 0, 0]), "a.tif", out _);
        Assert.Equal([1, 3, 1, 3], image.Shape.ToArray());
        var v = image.ToArray<float>();
        Assert.True(v[0] > 0.97 && v[3] > 0.97 && v[6] > 0.97, "no ink is white");
        Assert.True(v[1] < 0.25 && v[4] < 0.25 && v[7] < 0.25, "black ink is dark");
        Assert.True(v[2] < v[5] && v[5] < v[8] + 0.2, "cyan has no red");
    }

    [Theory]
    [InlineData(1, 32, 2)]
    [InlineData(1, 16, 2)]
    [InlineData(1, 32, 1)]
    public void Samples_of_other_types_are_refused_by_name(int channels, int bits, int sampleFormat)
    {
        var file = TiffBuilder.Build(2, 2, channels, bits, 1, sampleFormat, new byte[4 * channels * bits / 8]);
        Assert.Contains("samples of type", Assert.Throws<ImageException>(() => ImageFile.Decode(file, "a.tif", out _)).Message);
    }

    [Fact]
    public void Many_channels_are_refused_before_their_samples_are_read()
    {
        // The samples of the last rows are missing: whoever decodes says that the file is damaged.
        var file = TiffBuilder.Build(64, 64, 40, 8, 1, 1, new byte[40 * 64]);
        Assert.Contains("it has 40 channels", Assert.Throws<ImageException>(() => ImageFile.Decode(file, "a.tif", out _)).Message);
    }

    [Fact]
    public void Five_channels_are_refused()
    {
        var error = Assert.Throws<ImageException>(() => ImageFile.Decode(TiffBuilder.Build(2, 2, 5, 8, 1, 1, new byte[20]), "a.tif", out _));
        Assert.Equal("image 'a.tif' cannot be decoded: it has 5 channels; 1 (grey) or 3 (colour) are supported, with or without transparency", error.Message);
    }

    private static byte[] WithProfile(string description, double gamma) =>
        PngBuilder.Build(2, 1, 8, PngBuilder.Colour, [128, 128, 128, 128, 128, 128], 6, ("iCCP", [.. "x\0\0"u8, .. PngBuilder.Deflate(ProfileBuilder.Build(description, gamma))]));

    private static void Check(byte[] file, long[] shape, byte[] expected)
    {
        using var image = ImageFile.DecodeBytes(file, "a.png");
        Assert.Equal(shape, image.Shape.ToArray());
        Assert.Equal(expected, image.ToArray<byte>());
    }
}
