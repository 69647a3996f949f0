using Posterior.Imaging;
using Posterior.Torch;

namespace Posterior.Tests.Imaging;

public sealed class BadImageTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void A_missing_file_a_folder_and_an_empty_file_are_named()
    {
        Assert.Equal($"image '{_folder["a.png"]}' does not exist", Refused("a.png"));
        Directory.CreateDirectory(_folder["b.png"]);
        Assert.Equal($"image '{_folder["b.png"]}' is a folder, not a file", Refused("b.png"));
        File.WriteAllBytes(_folder["c.png"], []);
        Assert.Equal($"image '{_folder["c.png"]}' is empty (0 bytes) or not a regular file", Refused("c.png"));
    }

    [Fact]
    public void A_name_that_is_not_utf8_is_told_as_such()
    {
        const string Reason = "cannot be read: its name is not UTF-8, so it cannot be opened; rename it";
        Assert.Equal($"image '{_folder["caf\uFFFD.png"]}' {Reason}", Refused("caf\uFFFD.png"));
        Assert.Equal($"array '{_folder["caf\uFFFD.npy"]}' {Reason}", Assert.Throws<ImageException>(() => NpyFile.Read(_folder["caf\uFFFD.npy"])).Message);
    }

    [Theory]
    [InlineData("a.png", "<!DOCTYPE html><html><body>404</body></html>", "HTML text")]
    [InlineData("a.jpg", "<?xml version=\"1.0\"?><svg xmlns=\"http://www.w3.org/2000/svg\"><image href=\"file:///etc/passwd\"/></svg>", "SVG")]
    [InlineData("a.png", "%PDF-1.4 %", "PDF")]
    [InlineData("a.tif", "P6 2 2 255 abc", "text")]
    [InlineData("a.webp", "GIF89a", "GIF")]
    [InlineData("a.png", "push graphic-context\nviewbox 0 0 640 480\nimage over 0,0 0,0 'https://example.com'\npop graphic-context", "text")]
    [InlineData("a.png", "#!/bin/sh\necho no", "text")]
    public void Content_that_is_no_image_is_refused_whatever_its_name_says(string name, string content, string kind)
    {
        File.WriteAllText(_folder[name], content);
        Assert.Equal($"image '{_folder[name]}' is not PNG, JPEG, TIFF or WebP although it is named {Path.GetExtension(name)}: its content is {kind}", Refused(name));
    }

    [Fact]
    public void An_image_with_the_ending_of_another_format_is_read_by_its_content()
    {
        using var scope = new Scope();
        ImageFile.Save(_folder["a.png"], Tensor.Ones([1, 1, 3, 3]));
        File.Move(_folder["a.png"], _folder["a.jpg"]);
        ImageFile.Load(_folder["a.jpg"], out var info);
        Assert.Equal(ImageFormat.Png, info.Format);
    }

    [Theory]
    [InlineData("a.png", 8)]
    [InlineData("a.png", 16)]
    [InlineData("a.jpg", 8)]
    [InlineData("a.tif", 8)]
    [InlineData("a.tif", 32)]
    [InlineData("a.webp", 8)]
    public void A_file_truncated_anywhere_is_an_error_of_one_line_and_never_half_a_picture(string name, int bits)
    {
        var before = LiveHandles.Count();
        var file = Sample(name, bits);
        var whole = Values(file, name);
        // What follows the picture: PNG's last chunk, JPEG's end marker, the padding of a RIFF chunk.
        var marker = Path.GetExtension(name) switch { ".png" => 12, ".jpg" => 2, ".webp" => 1, _ => 0 };
        for (var length = 0; length < file.Length; length++)
        {
            float[]? values = null;
            var error = Record.Exception(() => values = Values(file[..length], name));
            if (error is null && length >= file.Length - marker)
            {
                Assert.Equal(whole, values);
                continue;
            }
            Assert.True(error is ImageException, $"{length} of {file.Length} bytes: {error?.GetType().Name ?? "no error"}");
            Assert.Matches("^image 'a\\.[^\n]*$", error!.Message);
        }
        Assert.Equal(before, Tensor.LiveCount);
    }

    [Theory]
    [InlineData("a.png", 8)]
    [InlineData("a.jpg", 8)]
    [InlineData("a.tif", 16)]
    [InlineData("a.webp", 8)]
    public void Damaged_bytes_give_an_image_or_an_error_and_nothing_else(string name, int bits)
    {
        var before = LiveHandles.Count();
        var file = Sample(name, bits);
        var random = new Random(1);
        for (var round = 0; round < 400; round++)
        {
            var damaged = (byte[])file.Clone();
            for (var hits = random.Next(1, 6); hits > 0; hits--) damaged[random.Next(damaged.Length)] = (byte)random.Next(256);
            var error = Record.Exception(() => ImageFile.Decode(damaged, name, out _).Dispose());
            Assert.True(error is null or ImageException, $"round {round}: {error}");
        }
        Assert.Equal(before, Tensor.LiveCount);
    }

    [Fact]
    public void Declared_dimensions_beyond_the_limit_are_refused_before_decoding()
    {
        var file = PngBuilder.Build(100_000, 90_000, 8, PngBuilder.Colour, [0, 0, 0], 3);
        Assert.Equal("image 'a.png' cannot be decoded: it declares 100000 x 90000 pixels, more than the limit of 268435456", Assert.Throws<ImageException>(() => ImageFile.Decode(file, "a.png", out _)).Message);
        // libpng refuses these itself, without a message.
        var absurd = PngBuilder.Build(2_000_000_000, 2_000_000_000, 16, PngBuilder.ColourAlpha, [0, 0, 0], 3);
        Assert.Equal("image 'a.png' cannot be decoded: it declares 2000000000 x 2000000000 pixels, more than the limit of 268435456", Assert.Throws<ImageException>(() => ImageFile.Decode(absurd, "a.png", out _)).Message);
    }

    [Theory]
    [InlineData(0, 0)]
    [InlineData(0, 16)]
    [InlineData(16, 0)]
    public void A_png_without_pixels_is_refused_with_its_size(int width, int height)
    {
        var file = PngBuilder.Build(width, height, 8, PngBuilder.Colour, [0, 0, 0], 3);
        Assert.Equal($"image 'a.png' cannot be decoded: it declares {width} x {height} pixels", Assert.Throws<ImageException>(() => ImageFile.Decode(file, "a.png", out _)).Message);
    }

    [Theory]
    [InlineData(24)]
    [InlineData(25)]
    [InlineData(29)]
    public void A_flipped_bit_in_the_header_of_a_png_is_told_as_damage(int at)
    {
        var file = Sample("a.png", 8);
        // Depth, colour type, checksum: the sizes before them are those of an image within the limit.
        file[at] ^= 0x10;
        Assert.Equal("image 'a.png' cannot be decoded: its PNG data are damaged", Assert.Throws<ImageException>(() => ImageFile.Decode(file, "a.png", out _)).Message);
    }

    [Fact]
    public void An_image_within_the_limit_whose_data_are_missing_takes_no_memory_for_long()
    {
        var file = PngBuilder.Build(8000, 8000, 8, PngBuilder.Colour, [0, 0, 0], 3);
        Assert.Throws<ImageException>(() => ImageFile.Decode(file, "a.png", out _));
    }

    [Theory]
    [InlineData("a.bmp", 8, "'.bmp' is no image format")]
    [InlineData("a", 8, "a name without ending is no image format")]
    [InlineData("a.jpg", 16, "with 16 bits a sample")]
    [InlineData("a.webp", 32, "with 32 bits a sample")]
    [InlineData("a.png", 12, "with 12 bits a sample")]
    [InlineData("missing/a.png", 8, "does not exist")]
    public void What_cannot_be_saved_says_why_and_leaves_nothing(string name, int bits, string reason)
    {
        using var scope = new Scope();
        Assert.Contains(reason, Assert.Throws<ImageException>(() => ImageFile.Save(_folder[name], Tensor.Zeros([1, 1, 2, 2]), new SaveOptions { Bits = bits })).Message);
        Assert.Empty(Directory.EnumerateFileSystemEntries(_folder.Path));
    }

    [Fact]
    public void Nan_is_not_saved_and_the_old_file_stays()
    {
        using var scope = new Scope();
        File.WriteAllText(_folder["a.png"], "old");
        Assert.Contains("NaN", Assert.Throws<ImageException>(() => ImageFile.Save(_folder["a.png"], Tensor.Full([1, 1, 2, 2], double.NaN))).Message);
        Assert.Equal("old", File.ReadAllText(_folder["a.png"]));
    }

    [Fact]
    public void A_failure_while_writing_leaves_the_old_file_and_no_temporary_one()
    {
        File.WriteAllText(_folder["a.png"], "old");
        Assert.Contains("No space", Assert.Throws<ImageException>(() => AtomicFile.Write(_folder["a.png"], stream =>
        {
            stream.Write("half"u8);
            throw new IOException("No space left on device");
        })).Message);
        Assert.Equal("old", File.ReadAllText(_folder["a.png"]));
        Assert.Single(Directory.EnumerateFileSystemEntries(_folder.Path));
    }

    [SkippableFact]
    public void A_full_disk_is_one_line()
    {
        // Every write to this device fails as on a full disk; it stands in for the temporary file.
        Skip.IfNot(File.Exists("/dev/full"), "no /dev/full");
        var error = Assert.Throws<ImageException>(() => AtomicFile.Write(_folder["a.png"], _ =>
        {
            using var full = new FileStream("/dev/full", FileMode.Open, FileAccess.Write, FileShare.ReadWrite, bufferSize: 0);
            full.Write(new byte[1 << 20]);
        }));
        Assert.Equal($"cannot write '{_folder["a.png"]}': the disk is full", error.Message);
        Assert.Empty(Directory.EnumerateFileSystemEntries(_folder.Path));
    }

    [Fact]
    public void A_tensor_that_is_no_image_is_refused()
    {
        using var scope = new Scope();
        Assert.Contains("[2, 3, 4, 4]", Assert.Throws<ArgumentException>(() => ImageFile.Save(_folder["a.png"], Tensor.Zeros([2, 3, 4, 4]))).Message);
    }

    private static float[] Values(byte[] file, string name)
    {
        using var image = ImageFile.Decode(file, name, out _);
        return image.ToArray<float>();
    }

    private static byte[] Sample(string name, int bits)
    {
        using var scope = new Scope();
        using var folder = new TemporaryFolder();
        ImageFile.Save(folder[name], new SeededNoise(2).Normal([1, 3, 12, 17]).Sigmoid(), new SaveOptions { Bits = bits });
        return File.ReadAllBytes(folder[name]);
    }

    private string Refused(string name) => Assert.Throws<ImageException>(() => ImageFile.Load(_folder[name])).Message;
}
