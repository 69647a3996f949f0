using System.Numerics;
using Posterior.Torch.Weights;

namespace Posterior.Torch.Tests.Weights;

public sealed class PickleTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Values_of_every_scalar_instruction_are_kept()
    {
        var pickle = PickleBytes.Protocol2.Ops("}(")
            .Text("none").Ops("N")
            .Text("true").Raw(0x88)
            .Text("old_true").Ops("I01\n")
            .Text("int").Ops("I-7\n")
            .Text("byte").Raw((byte)'K', 200)
            .Text("short").Raw((byte)'M', 0xe8, 0x03)
            .Text("binint").Int(-5)
            .Text("long").Ops("L123456789012345678901234567890L\n")
            .Text("long1").Raw(0x8a, 2, 0x00, 0xff)
            .Text("float").Ops("F2.5\n")
            .Text("binfloat").Raw((byte)'G', 0x3f, 0xf8, 0, 0, 0, 0, 0, 0)
            .Text("string").Ops("S'a\\x41\\n'\n")
            .Text("unicode").Ops("V\\u0416x\n")
            .Text("latin").Raw((byte)'U', 1, 0xe9)
            .Text("bytes").Raw((byte)'C', 2, 1, 2)
            .Text("short_text").Raw(0x8c, 1, (byte)'z')
            .Text("plain_list").Ops("](").Int(1).Int(2).Ops("e")
            .Ops("u");

        using var file = WeightFile.Open(pickle.Save(_folder));

        Assert.Null(file.Values["none"]);
        Assert.Equal(true, file.Values["true"]);
        Assert.Equal(true, file.Values["old_true"]);
        Assert.Equal(-7L, file.Values["int"]);
        Assert.Equal(200L, file.Values["byte"]);
        Assert.Equal(1000L, file.Values["short"]);
        Assert.Equal(-5L, file.Values["binint"]);
        Assert.Equal(BigInteger.Parse("123456789012345678901234567890", null), file.Values["long"]);
        Assert.Equal(-256L, file.Values["long1"]);
        Assert.Equal(2.5, file.Values["float"]);
        Assert.Equal(1.5, file.Values["binfloat"]);
        Assert.Equal("aA\n", file.Values["string"]);
        Assert.Equal("Жx", file.Values["unicode"]);
        Assert.Equal("é", file.Values["latin"]);
        Assert.Equal(new byte[] { 1, 2 }, file.Values["bytes"]);
        Assert.Equal("z", file.Values["short_text"]);
        Assert.Equal(new object[] { 1L, 2L }, Assert.IsAssignableFrom<IReadOnlyList<object?>>(file.Values["plain_list"]));
    }

    [Theory]
    [InlineData("os", "system")]
    [InlineData("posix", "popen")]
    [InlineData("nt", "system")]
    [InlineData("subprocess", "Popen")]
    [InlineData("builtins", "exec")]
    [InlineData("__builtin__", "eval")]
    [InlineData("builtins", "getattr")]
    [InlineData("builtins", "__import__")]
    [InlineData("importlib", "import_module")]
    [InlineData("torch", "os.system")]
    [InlineData("torch", "load")]
    [InlineData("torch.hub", "load")]
    [InlineData("torch.storage", "_load_from_bytes")]
    [InlineData("collections", "OrderedDict.__class__")]
    [InlineData("_codecs", "lookup")]
    [InlineData("codecs", "open")]
    [InlineData("operator", "attrgetter")]
    [InlineData("torch._utils", "_rebuild_sparse_tensor")]
    public void Dangerous_name_is_refused_by_its_name_even_when_unused(string module, string name)
    {
        var global = PickleBytes.Protocol2.Ops("}").Text("x").Global(module, name).Ops("s");
        AssertRefused(global.Save(_folder), $"{module}.{name}");

        var stackGlobal = new PickleBytes().Raw(0x80, 4).Ops("}").Text("x").Text(module).Text(name).Raw(0x93).Ops("s");
        AssertRefused(stackGlobal.Save(_folder), $"{module}.{name}");
    }

    [Fact]
    public void Unknown_class_stays_an_inert_name()
    {
        var pickle = PickleBytes.Protocol2.Ops("}(")
            .Text("model").Global("my.package", "Model").Ops("(").Text("argument").Ops("tR}").Text("state").Ops("Nsb")
            .Text("list").Global("my.package", "ListLike").Ops(")").Raw(0x81).Int(1).Ops("a")
            .Text("dict").Global("my.package", "DictLike").Ops(")").Raw(0x81).Text("key").Int(1).Ops("s")
            .Text("w").Tensor("FloatStorage", "0", 1, 0, [1], [1])
            .Ops("u");

        using var file = WeightFile.Open(pickle.Save(_folder, ("0", BitConverter.GetBytes(1.5f))));

        Assert.Equal(new OpaqueValue("my.package.Model"), file.Values["model"]);
        Assert.Equal(new OpaqueValue("my.package.ListLike"), file.Values["list"]);
        Assert.Equal(new OpaqueValue("my.package.DictLike"), file.Values["dict"]);
        Assert.Equal(1.5f, BitConverter.ToSingle(Assert.Single(file.Entries).ReadBytes()));
    }

    [Fact]
    public void Pickled_module_is_refused_with_a_hint_at_its_state_dict()
    {
        var pickle = PickleBytes.Protocol2.Global("models.unet", "UNet").Ops(")").Raw(0x81)
            .Ops("}").Text("w").Tensor("FloatStorage", "0", 1, 0, [1], [1]).Ops("sb");
        AssertRefused(pickle.Save(_folder, ("0", new byte[4])), "models.unet.UNet", "state_dict");
    }

    [Theory]
    [InlineData("t", "mark")]
    [InlineData("N(000", "the stack is empty")]
    [InlineData("N1", "mark")]
    [InlineData("R", "2 values")]
    [InlineData("(Na", "the stack is empty")]
    [InlineData("a", "1 values")]
    [InlineData("NNa", "expected a list")]
    [InlineData("NNNs", "expected a dictionary")]
    [InlineData("}(Nu", "a value for each key")]
    [InlineData("N)R", "calls None")]
    [InlineData("N)\u0081", "expected a class")]
    [InlineData("ctorch\nFloatStorage\n)R", "not a function")]
    [InlineData("ccollections\nOrderedDict\nNR", "tuple of arguments")]
    [InlineData("](i", "truncated")]
    [InlineData("NNb", "attributes of None")]
    [InlineData("\u0080\u0009", "protocol 9")]
    [InlineData("\u0082\u0001", "extension registry")]
    [InlineData("\u0097", "outside the pickle")]
    [InlineData("\u00ff", "unknown instruction 0xff")]
    [InlineData("Lzz\n", "decimal integer")]
    [InlineData("S'open\n", "quoted string")]
    [InlineData("X\u0002\u0000\u0000\u0000\u00ff\u00fe", "UTF-8")]
    [InlineData("T\u00ff\u00ff\u00ff\u00ff", "negative")]
    [InlineData("g-1\n", "memo index")]
    [InlineData("j\u00ff\u00ff\u00ff\u00ff", "never stored")]
    [InlineData("NQ", "persistent id")]
    [InlineData("NN\u0093", "module and a name")]
    public void Malformed_pickle_is_refused(string instructions, string fault)
        => AssertRefused(new PickleBytes().Ops(instructions).Save(_folder), fault);

    [Fact]
    public void Copying_one_long_string_again_and_again_is_refused()
    {
        // 256 kB of text, encoded ten thousand times by eight bytes each: 2.6 GB if it were carried out.
        var pickle = PickleBytes.Protocol2.Ops("](").Text(new string('a', 1 << 18)).Ops("q\u0000")
            .Text("latin1").Ops("q\u0001").Global("_codecs", "encode").Ops("q\u0002");
        for (var i = 0; i < 10_000; i++)
        {
            pickle.Ops("h\u0002h\u0000h\u0001").Raw(0x86).Ops("R");
        }

        AssertRefused(pickle.Ops("e").Save(_folder), "more values than the file holds");
    }

    [Fact]
    public void Copying_one_long_list_again_and_again_is_refused()
    {
        var pickle = PickleBytes.Protocol2.Ops("](");
        for (var i = 0; i < 100_000; i++)
        {
            pickle.Ops("N");
        }

        pickle.Ops("eq\u0000").Global("builtins", "set").Ops("q\u0001](");
        for (var i = 0; i < 10_000; i++)
        {
            pickle.Ops("h\u0001h\u0000").Raw(0x85).Ops("R");
        }

        AssertRefused(pickle.Ops("e").Save(_folder), "more values than the file holds");
    }

    [Fact]
    public void Names_that_grow_with_nesting_are_bounded()
    {
        // A long key over many short ones: each name would repeat the long key.
        var pickle = PickleBytes.Protocol2.Ops("}").Text(new string('k', 1 << 17)).Ops("}(");
        for (var i = 0; i < 5_000; i++)
        {
            pickle.Int(i).Ops("N");
        }

        AssertRefused(pickle.Ops("us").Save(_folder), "out of proportion");
    }

    [Fact]
    public void Dictionary_that_contains_itself_is_refused()
        => AssertRefused(PickleBytes.Protocol2.Ops("}q\u0000").Text("self").Ops("h\u0000s").Save(_folder), "contains itself");

    [Fact]
    public void Two_tensors_of_the_same_name_are_refused()
    {
        var pickle = PickleBytes.Protocol2.Ops("}(")
            .Text("a.b").Tensor("FloatStorage", "0", 1, 0, [1], [1])
            .Text("a").Ops("}").Text("b").Tensor("FloatStorage", "0", 1, 0, [1], [1]).Ops("s")
            .Ops("u");
        AssertRefused(pickle.Save(_folder, ("0", new byte[4])), "two tensors named 'a.b'");
    }

    private static void AssertRefused(string path, params string[] faults)
    {
        var refusal = Assert.Throws<WeightFileException>(() => WeightFile.Open(path).Dispose());
        Assert.All(faults, fault => Assert.Contains(fault, refusal.Message, StringComparison.Ordinal));
    }
}
