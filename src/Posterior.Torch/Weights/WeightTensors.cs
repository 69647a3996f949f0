namespace Posterior.Torch.Weights;

/// <summary>Between the entries of weight files and tensors.</summary>
public static class WeightTensors
{
    /// <summary>Reads an entry's values into a tensor on the CPU.</summary>
    /// <exception cref="WeightFileException">The stored record is damaged.</exception>
    public static Tensor ToTensor(this WeightEntry entry) => Tensor.FromBytes(entry.ReadBytes(), entry.DType, [.. entry.Shape]);

    /// <summary>Makes an entry of a copy of a tensor's values, to be written to a file.</summary>
    /// <param name="tensor">The values, on any device.</param>
    /// <param name="name">The state-dict key.</param>
    public static WeightEntry ToEntry(this Tensor tensor, string name)
    {
        var bytes = new byte[tensor.Count * tensor.DType.ElementSize()];
        tensor.CopyTo(bytes.AsSpan());
        return WeightEntry.FromBytes(name, tensor.DType, tensor.Shape, bytes);
    }
}
