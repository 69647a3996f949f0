using Posterior.Torch.Weights;

namespace Posterior.Torch.Tests.Weights;

/// <summary>Forms of PyTorch's containers that the oracle files do not show.</summary>
public sealed class TorchContainerTests : IDisposable
{
    private static readonly byte[] _eightBytes = [1, 2, 3, 4, 5, 6, 7, 8];

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Tensor_over_untyped_storage_takes_the_type_that_it_names()
    {
        var pickle = PickleBytes.Protocol2.Ops("}").Text("w")
            .Global("torch._utils", "_rebuild_tensor_v3").Ops("((").Text("storage").Global("torch.storage", "UntypedStorage").Text("0").Text("cpu").Int(8)
            .Ops("tQ").Int(1).Ints(3).Ints(1).Raw(0x89).Global("collections", "OrderedDict").Ops(")R").Global("torch", "bfloat16").Ops("tRs");

        using var file = WeightFile.Open(pickle.Save(_folder, ("0", _eightBytes)));

        Assert.Equal("w BFloat16 [3]", Assert.Single(file.Entries).ToString());
        Assert.Equal(_eightBytes[2..], file["w"].ReadBytes());
    }

    [Fact]
    public void Tensor_over_untyped_storage_must_fit_in_elements_of_its_own_type()
    {
        var pickle = PickleBytes.Protocol2.Ops("}").Text("w")
            .Global("torch._utils", "_rebuild_tensor_v3").Ops("((").Text("storage").Global("torch.storage", "UntypedStorage").Text("0").Text("cpu").Int(8)
            .Ops("tQ").Int(0).Ints(8).Ints(1).Raw(0x89).Ops("N").Global("torch", "float32").Ops("tRs");

        Assert.Contains("element 7 of a storage of 2", Refusal(pickle.Save(_folder, ("0", _eightBytes))), StringComparison.Ordinal);
    }

    [Fact]
    public void Tensor_of_a_subclass_is_read_as_a_tensor()
    {
        var pickle = PickleBytes.Protocol2.Ops("}").Text("w")
            .Global("torch._tensor", "_rebuild_from_type_v2").Ops("(").Global("torch._utils", "_rebuild_tensor").Global("my", "Subclass")
            .Ops("(").Storage("IntStorage", "0", 2).Int(0).Ints(2).Ints(1).Ops("t}tRs");

        using var file = WeightFile.Open(pickle.Save(_folder, ("0", _eightBytes)));

        Assert.Equal("w Int32 [2]", Assert.Single(file.Entries).ToString());
    }

    [Fact]
    public void Nested_rebuild_calls_are_refused()
    {
        var pickle = PickleBytes.Protocol2.Global("torch._tensor", "_rebuild_from_type_v2").Ops("(")
            .Global("torch._tensor", "_rebuild_from_type_v2").Global("my", "Subclass").Ops(")}tR");

        Assert.Contains("unexpected arguments", Refusal(pickle.Save(_folder)), StringComparison.Ordinal);
    }

    [Fact]
    public void Archive_without_a_folder_is_read()
    {
        var pickle = PickleBytes.Protocol2.Ops("}").Text("w").Tensor("LongStorage", "0", 1, 0, [1], [1]).Ops("s.").ToArray();

        using var file = WeightFile.Open(PickleBytes.SaveZip(_folder, [("data.pkl", pickle), ("data/0", _eightBytes)]));

        Assert.Equal(_eightBytes, file["w"].ReadBytes());
    }

    [Fact]
    public void Legacy_storage_split_into_views_is_read()
    {
        var pickle = PickleBytes.Protocol2.Ops("}").Text("second_half").Global("torch._utils", "_rebuild_tensor").Ops("(")
            .Ops("(").Text("storage").Global("torch", "ShortStorage").Text("7").Text("cpu").Int(4)
            .Ops("(").Text("view").Int(2).Int(2).Ops("ttQ").Int(0).Ints(2).Ints(1).Ops("tRs");

        using var file = WeightFile.Open(Legacy(pickle, ["7"], Count(4), _eightBytes));

        Assert.Equal(WeightFileFormat.TorchLegacy, file.Format);
        Assert.Equal(_eightBytes[4..], file["second_half"].ReadBytes());
    }

    [Fact]
    public void Legacy_view_outside_its_storage_is_refused()
    {
        var pickle = PickleBytes.Protocol2.Ops("(").Text("storage").Global("torch", "ShortStorage").Text("7").Text("cpu").Int(4)
            .Ops("(").Text("view").Int(3).Int(2).Ops("ttQ");

        Assert.Contains("elements 3 to 5 of storage '7', which has 4", Refusal(Legacy(pickle, ["7"], Count(4), _eightBytes)), StringComparison.Ordinal);
    }

    [Fact]
    public void Legacy_source_code_beside_a_class_is_ignored()
    {
        var pickle = PickleBytes.Protocol2.Ops("}(").Text("model")
            .Ops("(").Text("module").Global("models", "Net").Text("net.py").Text("class Net: pass").Ops("tQ)").Raw(0x81)
            .Text("w").Tensor("LongStorage", "7", 1, 0, [1], [1]).Ops("u");

        using var file = WeightFile.Open(Legacy(pickle, ["7"], Count(1), _eightBytes));

        Assert.Equal(new OpaqueValue("models.Net"), file.Values["model"]);
        Assert.Equal(_eightBytes, file["w"].ReadBytes());
    }

    [Theory]
    [InlineData("7 7", "twice")]
    [InlineData("8", "'8', which no tensor refers to")]
    [InlineData("", "expected a storage '7'")]
    public void Legacy_key_list_must_match_the_tensors(string keys, string fault)
    {
        var pickle = PickleBytes.Protocol2.Ops("}").Text("w").Tensor("LongStorage", "7", 1, 0, [1], [1]).Ops("s");
        var path = Legacy(pickle, keys.Split(' ', StringSplitOptions.RemoveEmptyEntries), Count(1), _eightBytes, Count(1), _eightBytes);
        Assert.Contains(fault, Refusal(path), StringComparison.Ordinal);
    }

    [Fact]
    public void Legacy_storage_declared_in_two_ways_is_refused()
    {
        var pickle = PickleBytes.Protocol2.Ops("(").Storage("LongStorage", "7", 1).Storage("IntStorage", "7", 2).Ops("t");
        Assert.Contains("1 x Int64 and as 2 x Int32", Refusal(Legacy(pickle, ["7"], Count(1), _eightBytes)), StringComparison.Ordinal);
    }

    [Fact]
    public void Legacy_data_of_a_big_endian_machine_are_refused()
        => Assert.Contains("little-endian", Refusal(Legacy(PickleBytes.Protocol2.Ops("}"), [], littleEndian: false)), StringComparison.Ordinal);

    private static byte[] Count(long elements) => BitConverter.GetBytes(elements);

    private static string Refusal(string path) => Assert.Throws<WeightFileException>(() => WeightFile.Open(path).Dispose()).Message;

    private string Legacy(PickleBytes root, string[] keys, params byte[][] data) => Legacy(root, keys, littleEndian: true, data);

    private string Legacy(PickleBytes root, string[] keys, bool littleEndian, params byte[][] data)
    {
        var list = PickleBytes.Protocol2.Ops("](");
        foreach (var key in keys)
        {
            list.Text(key);
        }

        byte[] file =
        [
            .. PickleBytes.Protocol2.Raw(0x8a, 10, 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19).Ops(".").ToArray(),
            .. PickleBytes.Protocol2.Int(1001).Ops(".").ToArray(),
            .. PickleBytes.Protocol2.Ops("}").Text("little_endian").Raw(littleEndian ? (byte)0x88 : (byte)0x89).Ops("s.").ToArray(),
            .. root.Ops(".").ToArray(),
            .. list.Ops("e.").ToArray(),
            .. data.SelectMany(part => part),
        ];
        return _folder.Write("legacy.pth", file);
    }
}
