namespace Posterior.Torch.Weights;

/// <summary>Where the values of one tensor come from; reading happens when they are asked for, not when the file is opened.</summary>
internal abstract unsafe class EntryBytes
{
    /// <summary>Writes all values, row-major and little-endian.</summary>
    /// <param name="destination">Room for exactly the tensor's bytes.</param>
    public abstract void CopyTo(byte* destination);
}

/// <summary>Values that lie in a file as they are wanted: contiguous, row-major, little-endian.</summary>
internal sealed unsafe class MappedBytes(MappedFile file, long offset, long count) : EntryBytes
{
    /// <inheritdoc/>
    public override void CopyTo(byte* destination)
    {
        Buffer.MemoryCopy(file.Pointer(offset, count), destination, count, count);

        // The pointer alone does not keep the mapping from being collected while it is read.
        GC.KeepAlive(file);
    }
}

/// <summary>Values in managed memory.</summary>
internal sealed unsafe class ManagedBytes(ReadOnlyMemory<byte> bytes) : EntryBytes
{
    /// <inheritdoc/>
    public override void CopyTo(byte* destination) => bytes.Span.CopyTo(new Span<byte>(destination, bytes.Length));
}

/// <summary>Values of a tensor; strides are resolved while copying.</summary>
internal sealed unsafe class TensorBytes(Tensor tensor) : EntryBytes
{
    /// <inheritdoc/>
    public override void CopyTo(byte* destination) => tensor.ReadInto(destination, tensor.Count * tensor.DType.ElementSize());
}
