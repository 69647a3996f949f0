using System.IO.Compression;
using System.Security.Cryptography;
using Posterior.Torch.Weights;

namespace Posterior.Torch.Tests.Weights;

public sealed class WeightFileTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Missing_file_and_folder_are_clear_errors()
    {
        Assert.Contains("found nothing", Refusal(_folder.File("none.pt")), StringComparison.Ordinal);
        Assert.Contains("found a folder", Refusal(_folder.FullPath), StringComparison.Ordinal);
    }

    [Fact]
    public void Unknown_tensor_name_is_a_clear_error()
    {
        using var file = WeightFile.Open(Safetensors("w"));
        var failure = Assert.Throws<WeightFileException>(() => file["v"]);
        Assert.Equal("model.safetensors: expected a tensor named 'v', found none among 1", failure.Message);
        Assert.False(file.TryGet("v", out _));
        Assert.True(file.TryGet("w", out _));
    }

    [Fact]
    public void Hash_is_that_of_the_file()
    {
        var path = Safetensors("w");
        using var file = WeightFile.Open(path);
        Assert.Equal(Convert.ToHexStringLower(SHA256.HashData(File.ReadAllBytes(path))), file.Sha256());
    }

    [Fact]
    public void Closed_file_is_not_read()
    {
        var file = WeightFile.Open(Safetensors("w"));
        file.Dispose();
        Assert.Throws<ObjectDisposedException>(() => file["w"].ReadBytes());
    }

    [Fact]
    public void Content_and_not_the_extension_decides_the_format()
    {
        var renamed = _folder.File("model.ckpt");
        File.Move(Safetensors("w"), renamed);
        using var file = WeightFile.Open(renamed);
        Assert.Equal(WeightFileFormat.Safetensors, file.Format);
    }

    [Fact]
    public void Safetensors_header_whose_length_looks_like_a_pickle_is_read_as_safetensors()
    {
        // A header of 640 bytes starts the file with 0x80 0x02, as a pickle of protocol 2 does.
        var path = _folder.File("model.safetensors");
        for (var length = 560; length < 640; length++)
        {
            SafetensorsWriter.Write(path, [WeightEntry.FromBytes(new string('n', length), DType.UInt8, [1], new byte[1])]);
            if (File.ReadAllBytes(path) is [0x80, 0x02, ..])
                break;
        }

        Assert.True(File.ReadAllBytes(path) is [0x80, 0x02, ..]);
        using var file = WeightFile.Open(path);
        Assert.Equal(WeightFileFormat.Safetensors, file.Format);
    }

    [Fact]
    public void Deflated_record_that_is_longer_than_declared_is_refused()
    {
        var bytes = File.ReadAllBytes(DeflatedCheckpoint(64));
        PatchDirectory(bytes, "archive/data/0", 24, 60);
        using var file = WeightFile.Open(_folder.Write("longer.pt", bytes));

        var failure = Assert.Throws<WeightFileException>(() => file["w"].ReadBytes());

        Assert.Contains("more than the declared 60 bytes", failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Deflated_record_that_is_shorter_than_declared_is_refused()
    {
        var bytes = File.ReadAllBytes(DeflatedCheckpoint(64));
        PatchDirectory(bytes, "archive/data/0", 24, 80);
        using var file = WeightFile.Open(_folder.Write("shorter.pt", bytes));

        var failure = Assert.Throws<WeightFileException>(() => file["w"].ReadBytes());

        Assert.Contains("expected 80 bytes, found 64", failure.Message, StringComparison.Ordinal);
    }

    // A dictionary of 56 bytes for each byte that is unpacked, and a thousand of those for each that is stored.
    [Fact]
    public void A_pickle_that_unpacks_to_far_more_than_it_is_stored_in_is_refused()
    {
        byte[] pickle = [0x80, 2, .. Enumerable.Repeat((byte)'}', 1 << 20), (byte)'.'];
        var path = PickleBytes.SaveZip(_folder, [("archive/data.pkl", pickle)], CompressionLevel.Optimal);

        var failure = Assert.Throws<WeightFileException>(() => WeightFile.Open(path));

        Assert.Contains("expected a pickle that unpacks to at most", failure.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(8, 1, "encrypted")]
    [InlineData(10, 12, "zip method 12")]
    public void Unsupported_zip_record_is_refused(int field, byte value, string fault)
    {
        var bytes = File.ReadAllBytes(DeflatedCheckpoint(64));
        PatchDirectory(bytes, "archive/data/0", field, value);
        Assert.Contains(fault, Refusal(_folder.Write("record.pt", bytes)), StringComparison.Ordinal);
    }

    [Fact]
    public void Zip_with_two_records_of_one_name_is_refused()
    {
        var path = PickleBytes.SaveZip(_folder, [("a/data.pkl", "N."u8.ToArray()), ("a/data.pkl", "N."u8.ToArray())]);
        Assert.Contains("twice", Refusal(path), StringComparison.Ordinal);
    }

    [Fact]
    public void Zip_with_two_pickles_is_refused()
    {
        var path = PickleBytes.SaveZip(_folder, [("a/data.pkl", "N."u8.ToArray()), ("b/data.pkl", "N."u8.ToArray())]);
        Assert.Contains("several", Refusal(path), StringComparison.Ordinal);
    }

    [Fact]
    public void Bool_bytes_are_read_as_zero_and_one()
    {
        var pickle = PickleBytes.Protocol2.Ops("}").Text("flags").Tensor("BoolStorage", "0", 3, 0, [3], [1]).Ops("s");
        using var file = WeightFile.Open(pickle.Save(_folder, ("0", [0, 1, 255])));
        Assert.Equal(new byte[] { 0, 1, 1 }, file["flags"].ReadBytes());
    }

    [Fact]
    public void Repeated_elements_of_a_small_storage_are_allowed_within_the_limit()
    {
        var pickle = PickleBytes.Protocol2.Ops("}").Text("row").Tensor("FloatStorage", "0", 2, 0, [1000, 2], [0, 1]).Ops("s");
        using var file = WeightFile.Open(pickle.Save(_folder, ("0", [1, 2, 3, 4, 5, 6, 7, 8])));
        Assert.Equal([.. Enumerable.Repeat<byte[]>([1, 2, 3, 4, 5, 6, 7, 8], 1000).SelectMany(row => row)], file["row"].ReadBytes());
    }

    [Fact]
    public void Tensor_on_its_own_has_the_empty_name()
    {
        var pickle = PickleBytes.Protocol2.Tensor("LongStorage", "0", 1, 0, [], []);
        using var file = WeightFile.Open(pickle.Save(_folder, ("0", BitConverter.GetBytes(42L))));
        Assert.Equal(42L, BitConverter.ToInt64(file[string.Empty].ReadBytes()));
    }

    private static string Refusal(string path) => Assert.Throws<WeightFileException>(() => WeightFile.Open(path)).Message;

    /// <summary>Overwrites the low byte of a field of a record's directory entry (offsets of the zip format).</summary>
    private static void PatchDirectory(byte[] zip, string name, int field, byte value)
    {
        var raw = System.Text.Encoding.ASCII.GetBytes(name);
        for (var at = zip.Length - 46 - raw.Length; at >= 0; at--)
        {
            if (zip.AsSpan(at).StartsWith("PK\x01\x02"u8) && zip.AsSpan(at + 46).StartsWith(raw))
            {
                zip[at + field] = value;
                return;
            }
        }

        Assert.Fail($"no record '{name}'");
    }

    private string Safetensors(string name)
    {
        var path = _folder.File("model.safetensors");
        SafetensorsWriter.Write(path, [WeightEntry.FromBytes(name, DType.Float32, [2], new byte[8])]);
        return path;
    }

    private string DeflatedCheckpoint(int bytes)
    {
        var pickle = PickleBytes.Protocol2.Ops("}").Text("w").Tensor("ByteStorage", "0", 16, 0, [16], [1]).Ops("s.").ToArray();
        return PickleBytes.SaveZip(_folder, [("archive/data.pkl", pickle), ("archive/data/0", new byte[bytes])], CompressionLevel.Optimal);
    }
}
