using Posterior.Oracles;
using Posterior.Torch.Nn;
using Posterior.Torch.Weights;

namespace Posterior.Torch.Tests.Weights;

/// <summary>The way between files and tensors.</summary>
public sealed class TensorWeightsTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Tensors_come_back_as_they_were_written_whatever_their_strides()
    {
        using var scope = new Scope();
        var image = Tensor.Arange(0, 24).Reshape(2, 3, 4);
        (string Name, Tensor Tensor)[] tensors =
        [
            ("plain", image),
            ("transposed", image.Permute(2, 0, 1)),
            ("half", image.To(DType.Float16)),
            ("brain", image.To(DType.BFloat16)),
            ("count", Tensor.Scalar(7, DType.Int64)),
            ("empty", Tensor.Zeros([0, 3])),
        ];
        var path = _folder.File("model.safetensors");

        SafetensorsWriter.Write(path, tensors, new Dictionary<string, string> { ["kind"] = "test" });

        using var file = WeightFile.Open(path);
        Assert.Equal("test", file.Metadata["kind"]);
        Assert.Equal(tensors.Select(named => named.Name), file.Entries.Select(entry => entry.Name));
        foreach (var (name, tensor) in tensors)
        {
            var loaded = file.Load(name);
            Assert.Equal(tensor.DType, loaded.DType);
            Assert.Equal(tensor.Shape, loaded.Shape);
            Assert.Equal(tensor.To(DType.Float64).ToArray<double>(), loaded.To(DType.Float64).ToArray<double>());
        }
    }

    [Fact]
    public void Module_takes_its_state_from_a_file_under_a_prefix()
    {
        using var scope = new Scope();
        using var first = new Linear(3, 2);
        using var second = new Linear(3, 2);
        var path = _folder.File("model.safetensors");
        SafetensorsWriter.Write(path, first.NamedTensors.Select(named => ("ema." + named.Name, named.Tensor)).Append(("step", Tensor.Scalar(1))));

        using var file = WeightFile.Open(path);
        second.LoadState(file.LoadAll("ema."), "ema.");

        foreach (var ((name, expected), (_, loaded)) in first.NamedTensors.Zip(second.NamedTensors))
        {
            Assert.True(expected.ToArray<float>().SequenceEqual(loaded.ToArray<float>()), name);
        }
    }

    [Fact]
    public void Failed_load_frees_what_it_had_loaded()
    {
        var pickle = PickleBytes.Protocol2.Ops("}(")
            .Text("good").Tensor("FloatStorage", "0", 4, 0, [4], [1])
            .Text("damaged").Tensor("FloatStorage", "1", 4, 0, [4], [1])
            .Ops("u");
        var bytes = File.ReadAllBytes(pickle.Save(_folder, ("0", new byte[16]), ("1", [.. "0123456789abcdef"u8])));
        bytes[bytes.AsSpan().IndexOf("0123456789abcdef"u8)] ^= 1;
        using var file = WeightFile.Open(_folder.Write("damaged.pt", bytes));
        using var scope = new Scope();
        var before = LiveHandles.Count();

        var failure = Assert.Throws<WeightFileException>(() => file.LoadAll());

        Assert.Contains("CRC-32", failure.Message, StringComparison.Ordinal);
        Assert.Equal(before, Tensor.LiveCount);
    }

    [SkippableTheory]
    [Trait("Category", "Oracle")]
    [MemberData(nameof(OracleFiles.Rows), "checkpoints", "checkpoint", MemberType = typeof(OracleFiles))]
    public void Every_tensor_of_a_checkpoint_loads_with_its_bits(string row)
    {
        using var oracle = OracleFiles.Open(row);
        using var scope = new Scope();
        foreach (var entry in oracle.Weights.Entries)
        {
            var copy = WeightEntry.FromTensor(entry.Name, oracle.Load(entry.Name));
            Assert.Equal(entry.ToString(), copy.ToString());
            Assert.Equal(entry.ReadBytes(), copy.ReadBytes());
        }
    }
}
