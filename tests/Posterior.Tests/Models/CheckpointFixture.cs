using Posterior.Torch;
using Posterior.Torch.Nn;
using Posterior.Torch.Weights;

namespace Posterior.Tests.Models;

/// <summary>A folder for weight files that is deleted afterwards.</summary>
public sealed class CheckpointFixture : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("posterior-models-").FullName;

    public string Path(string name) => System.IO.Path.Combine(_folder, name);

    public string Write(string name, IEnumerable<WeightEntry> entries)
    {
        SafetensorsWriter.Write(Path(name), entries);
        return Path(name);
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    /// <summary>Random weights for every tensor of a network.</summary>
    public static List<WeightEntry> RandomWeights(Module network, ulong seed, string prefix = "")
    {
        using var scope = new Scope();
        var noise = new SeededNoise(seed);
        return [.. network.NamedTensors.Select(named => (noise.Normal([1, named.Tensor.Count]) * 0.1).Reshape(named.Tensor.Shape).CopyToEntry(prefix + named.Name))];
    }
}

internal static class CheckpointEntries
{
    /// <summary>An entry that holds a copy of the values, so that the tensor may be freed.</summary>
    public static WeightEntry CopyToEntry(this Tensor tensor, string name) => WeightEntry.FromBytes(name, tensor.DType, tensor.Shape, WeightEntry.FromTensor(name, tensor).ReadBytes());
}
