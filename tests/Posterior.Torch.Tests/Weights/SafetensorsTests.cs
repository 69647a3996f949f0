using System.Buffers.Binary;
using System.Text;
using Posterior.Torch.Weights;

namespace Posterior.Torch.Tests.Weights;

public sealed class SafetensorsTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Written_file_reads_back_with_order_types_shapes_bits_and_metadata()
    {
        var random = new Random(1);
        DType[] types =
        [
            DType.UInt8, DType.Int8, DType.Int16, DType.Int32, DType.Int64,
            DType.Float16, DType.Float32, DType.Float64, DType.Complex64, DType.BFloat16,
        ];
        var entries = new List<WeightEntry>();
        foreach (var (type, i) in types.Select((type, i) => (type, i)))
        {
            long[] shape = [.. Enumerable.Range(0, i % 4).Select(_ => (long)random.Next(1, 6))];
            var bytes = new byte[shape.Aggregate(1L, (a, b) => a * b) * type.ElementSize()];
            random.NextBytes(bytes);
            entries.Add(WeightEntry.FromBytes($"z{9 - i}.\"é\n{type}", type, shape, bytes));
        }

        entries.Add(WeightEntry.FromBytes("flags", DType.Bool, [3], new byte[] { 0, 1, 1 }));
        entries.Add(WeightEntry.FromBytes("empty", DType.Float32, [0, 7], ReadOnlyMemory<byte>.Empty));
        var metadata = new Dictionary<string, string> { ["kind"] = "test \u2028 <b> 漢", ["empty"] = string.Empty };
        var path = _folder.File("all.safetensors");

        SafetensorsWriter.Write(path, entries, metadata);

        using var file = WeightFile.Open(path);
        Assert.Equal(WeightFileFormat.Safetensors, file.Format);
        Assert.Equal(entries.Select(entry => entry.ToString()), file.Entries.Select(entry => entry.ToString()));
        Assert.Equal(metadata, file.Metadata);
        Assert.All(entries, entry => Assert.Equal(entry.ReadBytes(), file[entry.Name].ReadBytes()));
        Assert.Equal([path], Directory.GetFiles(_folder.FullPath));
    }

    [Theory]
    [InlineData("a")]
    [InlineData("ab")]
    [InlineData("abcdefg")]
    public void Data_start_at_a_multiple_of_eight(string name)
    {
        var path = _folder.File("aligned.safetensors");

        SafetensorsWriter.Write(path, [WeightEntry.FromBytes(name, DType.UInt8, [1], new byte[1])]);

        Assert.Equal(0UL, BinaryPrimitives.ReadUInt64LittleEndian(File.ReadAllBytes(path)) % 8);
    }

    [Fact]
    public void File_without_tensors_is_valid()
    {
        var path = _folder.File("none.safetensors");
        SafetensorsWriter.Write(path, Array.Empty<WeightEntry>());
        using var file = WeightFile.Open(path);
        Assert.Empty(file.Entries);
    }

    [Fact]
    public void Failed_write_leaves_the_older_file_and_no_temporary_one()
    {
        var path = _folder.Write("kept.safetensors", "older"u8);
        var broken = new WeightEntry("w", DType.Float32, [2], new FailingBytes());

        var failure = Assert.Throws<WeightFileException>(() => SafetensorsWriter.Write(path, [broken]));

        Assert.Equal("kept.safetensors: cannot be written: disk on fire", failure.Message);
        Assert.Equal("older", File.ReadAllText(path));
        Assert.Equal([path], Directory.GetFiles(_folder.FullPath));
    }

    [Fact]
    public void Missing_folder_is_one_clear_error()
    {
        var failure = Assert.Throws<WeightFileException>(() => SafetensorsWriter.Write(_folder.File("no/such/w.safetensors"), Array.Empty<WeightEntry>()));
        Assert.StartsWith("w.safetensors: cannot be written", failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void File_can_be_replaced_while_it_is_read()
    {
        var path = _folder.File("self.safetensors");
        SafetensorsWriter.Write(path, [WeightEntry.FromBytes("w", DType.UInt8, [2], new byte[] { 7, 8 })]);
        using var file = WeightFile.Open(path);

        SafetensorsWriter.Write(path, file.Entries, new Dictionary<string, string> { ["copy"] = "1" });

        using var copy = WeightFile.Open(path);
        Assert.Equal(new byte[] { 7, 8 }, copy["w"].ReadBytes());
        Assert.Equal(new byte[] { 7, 8 }, file["w"].ReadBytes());
    }

    [Fact]
    public void Type_that_the_format_lacks_is_refused()
    {
        var entry = WeightEntry.FromBytes("z", DType.Complex128, [1], new byte[16]);
        var failure = Assert.Throws<WeightFileException>(() => SafetensorsWriter.Write(_folder.File("w.safetensors"), [entry]));
        Assert.Equal("w.safetensors: tensor 'z': safetensors has no element type Complex128", failure.Message);
    }

    [Theory]
    [InlineData("w", "w", "two tensors are named 'w'")]
    [InlineData("w", "__metadata__", "reserves")]
    [InlineData("w", "half", "not valid Unicode")]
    public void Unusable_name_is_refused(string first, string second, string fault)
    {
        // Half a surrogate pair does not survive the test runner's own encoding, so it is added here.
        second = second == "half" ? "half\ud800" : second;
        var entries = new[] { first, second }.Select(name => WeightEntry.FromBytes(name, DType.UInt8, [1], new byte[1]));
        var failure = Assert.Throws<WeightFileException>(() => SafetensorsWriter.Write(_folder.File("w.safetensors"), entries));
        Assert.Contains(fault, failure.Message, StringComparison.Ordinal);
        Assert.Empty(Directory.GetFiles(_folder.FullPath));
    }

    [Theory]
    [InlineData("""{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}x""", "JSON")]
    [InlineData("""{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1],"dtype":"U8"}}""", "'dtype' twice")]
    [InlineData("""{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1],"more":1}}""", "found 'more'")]
    [InlineData("""{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1,1]}}""", "two data_offsets")]
    [InlineData("""{"a":{"dtype":"U8","shape":["1"],"data_offsets":[0,1]}}""", "whole numbers")]
    [InlineData("""{"a":{"dtype":"U8","shape":[1e0],"data_offsets":[0,1]}}""", "whole numbers")]
    [InlineData("""{"a":{"dtype":"U8","shape":1,"data_offsets":[0,1]}}""", "array")]
    [InlineData("""{"a":{"dtype":8,"shape":[1],"data_offsets":[0,1]}}""", "string")]
    [InlineData("""{"a":1}""", "object")]
    [InlineData("""{"__metadata__":[],"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}""", "object of strings")]
    [InlineData("""{"__metadata__":{"k":"1","k":"2"},"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}""", "'k' twice")]
    [InlineData("""{"__metadata__":{},"__metadata__":{},"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}""", "twice")]
    [InlineData("""{"\ud800":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}""", "Unicode")]
    [InlineData("""{"a":{"dtype":"U8","shape":[0,4611686018427387904,4],"data_offsets":[0,0]}}""", "63 bits")]
    public void Header_that_breaks_a_rule_is_refused(string header, string fault)
    {
        var utf8 = Encoding.UTF8.GetBytes(header);
        var bytes = new byte[8 + utf8.Length + 1];
        BinaryPrimitives.WriteInt64LittleEndian(bytes, utf8.Length);
        utf8.CopyTo(bytes, 8);

        var failure = Assert.Throws<WeightFileException>(() => WeightFile.Open(_folder.Write("bad.safetensors", bytes)));

        Assert.Contains(fault, failure.Message, StringComparison.Ordinal);
    }

    private sealed unsafe class FailingBytes : EntryBytes
    {
        public override void CopyTo(byte* destination) => throw new IOException("disk on fire");
    }
}
