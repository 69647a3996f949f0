using System.IO.Compression;
using System.Text;
using Posterior.Imaging;
using Posterior.Torch;

namespace Posterior.Tests.Imaging;

public sealed class ImageSourceTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void A_folder_is_searched_in_order_with_its_subfolders()
    {
        Directory.CreateDirectory(_folder["b"]);
        foreach (var (name, value) in new[] { ("c.png", 3), ("b/x.png", 2), ("a.jpg", 1), ("notes.txt", 0), (".hidden.png", 9) }) File.WriteAllBytes(_folder[name], Image(value));
        using var source = ImageSource.Open(_folder.Path);
        Assert.Equal(["a.jpg", "b/x.png", "c.png"], Enumerable.Range(0, source.Count).Select(source.Name));
        Assert.Equal((false, -1, 0), (source.HasLabels, source.Label(0), source.ClassCount));
        using var image = source.Load(1);
        Assert.Equal(("Tensor [3, 2, 2] UInt8 cpu", 2), (image.ToString(), image.ToArray<byte>()[0]));
    }

    // in/loop -> in; in/same -> in/z; in/part -> other/deep and in/whole -> other, which holds it and leads back.
    [Fact]
    public void Each_folder_is_searched_once_whatever_links_lead_to_it()
    {
        foreach (var folder in new[] { "in/z", "other/deep" }) Directory.CreateDirectory(_folder[folder]);
        foreach (var name in new[] { "in/a.png", "in/z/x.png", "other/y.png", "other/deep/d.png" }) File.WriteAllBytes(_folder[name], Image(1));
        foreach (var (link, target) in new[] { ("in/loop", "in"), ("in/same", "in/z"), ("in/part", "other/deep"), ("in/whole", "other"), ("other/back", "in") }) Directory.CreateSymbolicLink(_folder[link], _folder[target]);
        File.CreateSymbolicLink(_folder["in/link.png"], _folder["other/y.png"]);
        foreach (var root in new[] { _folder["in"], _folder["in"] + "/", _folder["in/loop"] })
        {
            using var source = ImageSource.Open(root);
            Assert.Equal(["a.png", "link.png", "part/d.png", "whole/y.png", "z/x.png"], Enumerable.Range(0, source.Count).Select(source.Name));
        }
    }

    [Fact]
    public void Hidden_entries_of_an_archive_and_what_a_Mac_adds_are_left_out()
    {
        using (var archive = ZipFile.Open(_folder["mac.zip"], ZipArchiveMode.Create))
        {
            foreach (var name in new[] { "set/a.png", "__MACOSX/set/._a.png", "set/.b.png", ".trash/c.png" })
            {
                using var stream = archive.CreateEntry(name).Open();
                stream.Write(name == "set/a.png" ? Image(1) : [0, 5, 22, 7]);
            }
        }
        using var source = ImageSource.Open(_folder["mac.zip"]);
        Assert.Equal((1, "set/a.png"), (source.Count, source.Name(0)));
    }

    [Fact]
    public void A_glob_and_a_single_file_are_sources_too()
    {
        foreach (var name in new[] { "a1.png", "a2.png", "b1.png" }) File.WriteAllBytes(_folder[name], Image(1));
        using var glob = ImageSource.Open(_folder["a*.png"]);
        Assert.Equal(["a1.png", "a2.png"], Enumerable.Range(0, glob.Count).Select(glob.Name));
        using var single = ImageSource.Open(_folder["b1.png"]);
        Assert.Equal((1, "b1.png"), (single.Count, single.Name(0)));
        using var unit = single.LoadUnit(0);
        Assert.Equal(1 / 255f, unit.ToArray<float>()[0]);
    }

    [Theory]
    [InlineData(CompressionLevel.NoCompression)]
    [InlineData(CompressionLevel.Optimal)]
    public void An_archive_gives_images_and_labels(CompressionLevel level)
    {
        var before = LiveHandles.Count();
        Archive(level, ("0/b.png", Image(7)), ("0/a.png", Image(5)), ("dataset.json", Json("""{"labels": [["0/a.png", 1], ["0/b.png", 0]], "classes": ["cat", "dog", "owl"]}""")));
        using (var source = ImageSource.Open(_folder["a.zip"]))
        {
            Assert.Equal((2, true, 3), (source.Count, source.HasLabels, source.ClassCount));
            Assert.Equal(["0/a.png", "0/b.png"], [source.Name(0), source.Name(1)]);
            Assert.Equal([1, 0], [source.Label(0), source.Label(1)]);
            Assert.Equal(["cat", "dog", "owl"], source.Classes);
            Parallel.For(0, 64, i =>
            {
                using var image = source.Load(i % 2);
                Assert.Equal(i % 2 == 0 ? 5 : 7, image.ToArray<byte>()[3]);
            });
        }
        Assert.Equal(before, Tensor.LiveCount);
    }

    [Fact]
    public void Labels_may_be_null_and_classes_unnamed()
    {
        Archive(CompressionLevel.NoCompression, ("a.png", Image(5)), ("dataset.json", Json("""{"labels": null}""")));
        using (var source = ImageSource.Open(_folder["a.zip"])) Assert.False(source.HasLabels);
        Archive(CompressionLevel.NoCompression, ("a.png", Image(5)), ("dataset.json", Json("""{"labels": [["a.png", 4]]}""")));
        using (var source = ImageSource.Open(_folder["a.zip"])) Assert.Equal((5, 4), (source.ClassCount, source.Label(0)));
    }

    [Theory]
    [InlineData("""{"labels": [["other.png", 1]]}""", "has no label")]
    [InlineData("""{"labels": [["a.png", -1]]}""", "not [file name, class index]")]
    [InlineData("""{"labels": [["a.png", 0.5]]}""", "not [file name, class index]")]
    [InlineData("""{"labels": [["a.png"]]}""", "not [file name, class index]")]
    [InlineData("""{"labels": {"a.png": 1}}""", "not a list of labels")]
    [InlineData("""{"labels": [["a.png", 3]], "classes": ["one"]}""", "names only 1 classes")]
    [InlineData("""[1]""", "not a JSON object")]
    [InlineData("""{"labels": """, "not a list of labels")]
    public void Labels_that_make_no_sense_are_one_line(string json, string reason)
    {
        Archive(CompressionLevel.NoCompression, ("a.png", Image(5)), ("dataset.json", Json(json)));
        var error = Assert.Throws<ImageException>(() => ImageSource.Open(_folder["a.zip"]));
        Assert.Contains(reason, error.Message);
        Assert.DoesNotContain('\n', error.Message);
    }

    [Theory]
    [InlineData("../evil.png")]
    [InlineData("/etc/evil.png")]
    [InlineData("a/../../evil.png")]
    [InlineData("..\\evil.png")]
    [InlineData("C:\\evil.png")]
    public void Names_that_leave_the_archive_are_refused(string name)
    {
        Archive(CompressionLevel.NoCompression, (name, Image(1)));
        Assert.Contains("leaves it", Assert.Throws<ImageException>(() => ImageSource.Open(_folder["a.zip"])).Message);
    }

    [Fact]
    public void A_zip_bomb_is_refused_before_it_is_unpacked()
    {
        Archive(CompressionLevel.Optimal, ("a.png", new byte[50_000_000]));
        using var source = ImageSource.Open(_folder["a.zip"]);
        Assert.Contains("would unpack from", Assert.Throws<ImageException>(() => source.Load(0)).Message);
    }

    [Theory]
    [InlineData(1000)]
    [InlineData(100_000)]
    public void An_entry_never_unpacks_to_more_than_it_declares(int declared)
    {
        Archive(CompressionLevel.Optimal, ("a.png", [.. Image(1), .. Enumerable.Range(0, 5000).Select(i => (byte)(i * i))]));
        var file = File.ReadAllBytes(_folder["a.zip"]);
        // The uncompressed size stands at offset 24 of the central directory's entry.
        var directory = file.AsSpan().LastIndexOf("PK\u0001\u0002"u8);
        BitConverter.TryWriteBytes(file.AsSpan(directory + 24), declared);
        File.WriteAllBytes(_folder["a.zip"], file);
        using var source = ImageSource.Open(_folder["a.zip"]);
        var length = 0;
        var error = Record.Exception(() => length = source.Read(0).Length);
        Assert.True(error is ImageException || length == declared, $"{length} bytes");
    }

    [Fact]
    public void Damaged_archives_and_empty_sources_are_named()
    {
        File.WriteAllText(_folder["a.zip"], "no archive");
        Assert.Contains("not a zip archive", Assert.Throws<ImageException>(() => ImageSource.Open(_folder["a.zip"])).Message);
        Archive(CompressionLevel.NoCompression, ("readme.txt", [1]));
        Assert.Contains("no images", Assert.Throws<ImageException>(() => ImageSource.Open(_folder["a.zip"])).Message);
        Assert.Contains("does not exist", Assert.Throws<ImageException>(() => ImageSource.Open(_folder["nothing"])).Message);
        Assert.Contains("no images", Assert.Throws<ImageException>(() => ImageSource.Open(_folder["*.png"])).Message);
        Archive(CompressionLevel.NoCompression, ("a.png", Json("<html>")));
        using var source = ImageSource.Open(_folder["a.zip"]);
        Assert.Contains($"image '{_folder["a.zip"]}/a.png' is not PNG", Assert.Throws<ImageException>(() => source.Load(0)).Message);
    }

    private static byte[] Json(string text) => Encoding.UTF8.GetBytes(text);

    private static byte[] Image(int value) => PngBuilder.Build(2, 2, 8, PngBuilder.Colour, [.. Enumerable.Repeat((byte)value, 12)], 6);

    private void Archive(CompressionLevel level, params (string Name, byte[] Data)[] entries)
    {
        using var archive = new ZipArchive(File.Create(_folder["a.zip"]), ZipArchiveMode.Create);
        foreach (var (name, data) in entries)
        {
            using var stream = archive.CreateEntry(name, level).Open();
            stream.Write(data);
        }
    }
}
