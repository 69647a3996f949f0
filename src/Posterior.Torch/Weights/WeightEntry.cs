namespace Posterior.Torch.Weights;

/// <summary>One named tensor of a weight file. Its values stay in the file until they are asked for.</summary>
public sealed class WeightEntry
{
    private readonly long[] _shape;
    private readonly EntryBytes _bytes;

    internal WeightEntry(string name, DType dtype, long[] shape, EntryBytes bytes)
    {
        if (!ElementTypes.TryCountBytes(shape, dtype, out var byteCount))
            throw new ArgumentException($"'{name}': shape [{string.Join(", ", shape)}] is not the shape of a tensor", nameof(shape));
        Name = name;
        DType = dtype;
        ByteCount = byteCount;
        _shape = shape;
        _bytes = bytes;
    }

    /// <summary>The state-dict key; nested dictionaries and lists are joined with dots (<c>ema.shadow.conv.weight</c>).</summary>
    public string Name { get; }

    /// <summary>The element type as stored.</summary>
    public DType DType { get; }

    /// <summary>The dimensions, outermost first; empty for a scalar.</summary>
    public IReadOnlyList<long> Shape => _shape;

    /// <summary>The product of the dimensions.</summary>
    public long ElementCount => ByteCount / DType.ElementSize();

    /// <summary>Bytes of the values: elements times element size.</summary>
    public long ByteCount { get; }

    /// <summary>Makes an entry from values in memory, to be written to a file.</summary>
    /// <param name="name">The state-dict key.</param>
    /// <param name="dtype">The element type.</param>
    /// <param name="shape">The dimensions, outermost first.</param>
    /// <param name="bytes">The values, row-major and little-endian; exactly as many bytes as the shape needs.</param>
    /// <exception cref="ArgumentException">A dimension is negative, or the bytes do not fit the shape.</exception>
    public static WeightEntry FromBytes(string name, DType dtype, ReadOnlySpan<long> shape, ReadOnlyMemory<byte> bytes)
    {
        ArgumentNullException.ThrowIfNull(name);
        var entry = new WeightEntry(name, dtype, shape.ToArray(), new ManagedBytes(bytes));
        if (entry.ByteCount != bytes.Length)
            throw new ArgumentException($"'{entry}' needs {entry.ByteCount} bytes, found {bytes.Length}", nameof(bytes));
        return entry;
    }

    /// <summary>Makes an entry of a tensor's present values, to be written to a file. They are read when the file is written.</summary>
    /// <param name="name">The state-dict key.</param>
    /// <param name="tensor">Any tensor; it must live until the entry was written. Strides are resolved, no type is changed.</param>
    public static WeightEntry FromTensor(string name, Tensor tensor)
    {
        ArgumentNullException.ThrowIfNull(name);
        ArgumentNullException.ThrowIfNull(tensor);
        return new WeightEntry(name, tensor.DType, tensor.Shape.ToArray(), new TensorBytes(tensor));
    }

    /// <summary>Reads the values into a new tensor of the stored type and shape.</summary>
    /// <param name="device">Where the tensor shall live.</param>
    /// <returns>A tensor of the current <see cref="Scope"/>, or the caller's when there is none.</returns>
    /// <exception cref="WeightFileException">The stored record is damaged.</exception>
    /// <exception cref="ObjectDisposedException">The file was closed.</exception>
    public unsafe Tensor Load(Device device = default)
    {
        var tensor = Tensor.Uninitialised(_shape, DType, out var memory);
        try
        {
            CopyTo((byte*)memory);
        }
        catch
        {
            tensor.Dispose();
            throw;
        }

        var moved = tensor.To(device);
        if (!ReferenceEquals(moved, tensor))
            tensor.Dispose();
        return moved;
    }

    /// <summary>Reads the values, row-major and little-endian.</summary>
    /// <param name="destination">Exactly <see cref="ByteCount"/> bytes.</param>
    /// <exception cref="ArgumentException">The destination has another length.</exception>
    /// <exception cref="WeightFileException">The stored record is damaged.</exception>
    /// <exception cref="ObjectDisposedException">The file was closed.</exception>
    public unsafe void ReadBytes(Span<byte> destination)
    {
        if (destination.Length != ByteCount)
            throw new ArgumentException($"'{Name}': expected room for {ByteCount} bytes, found {destination.Length}", nameof(destination));
        fixed (byte* start = destination)
        {
            CopyTo(start);
        }
    }

    /// <summary>Reads the values into a new array, row-major and little-endian.</summary>
    /// <exception cref="WeightFileException">The stored record is damaged.</exception>
    /// <exception cref="InvalidOperationException">The values need more than an array can hold.</exception>
    /// <exception cref="ObjectDisposedException">The file was closed.</exception>
    public byte[] ReadBytes()
    {
        if (ByteCount > Array.MaxLength)
            throw new InvalidOperationException($"'{Name}': {ByteCount} bytes do not fit one array");
        var bytes = GC.AllocateUninitializedArray<byte>((int)ByteCount);
        ReadBytes(bytes);
        return bytes;
    }

    /// <summary>Reads the values into native memory of <see cref="ByteCount"/> bytes.</summary>
    internal unsafe void CopyTo(byte* destination)
    {
        if (ByteCount == 0)
            return;
        _bytes.CopyTo(destination);
        if (DType != DType.Bool)
            return;

        // A C++ bool is 0 or 1; any other stored byte would be undefined behaviour in the engine.
        for (long i = 0; i < ByteCount; i++)
        {
            destination[i] = destination[i] == 0 ? (byte)0 : (byte)1;
        }
    }

    /// <summary>Name, type and shape, as in <c>conv.weight Float32 [4, 3, 3, 3]</c>.</summary>
    public override string ToString() => $"{Name} {DType} [{string.Join(", ", _shape)}]";
}
