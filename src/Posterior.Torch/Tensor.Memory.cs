namespace Posterior.Torch;

public sealed unsafe partial class Tensor
{
    private static readonly Op _zeros = new("aten::zeros"), _full = new("aten::full"), _arange = new("aten::arange", "start_step"),
        _linspace = new("aten::linspace"), _eye = new("aten::eye"), _to = new("aten::to", "dtype"), _toDevice = new("aten::to", "device"),
        _clone = new("aten::clone"), _contiguous = new("aten::contiguous"), _copyInto = new("aten::copy_"), _detach = new("aten::detach"),
        _zerosLike = new("aten::zeros_like"), _onesLike = new("aten::ones_like"), _emptyLike = new("aten::empty_like");

    /// <summary>A tensor on the CPU with a copy of row-major <paramref name="data"/>.</summary>
    /// <typeparam name="T">byte, sbyte, short, int, long, Half, float, double, Complex or bool.</typeparam>
    /// <exception cref="ArgumentException">The shape does not hold as many elements as there are.</exception>
    public static Tensor From<T>(ReadOnlySpan<T> data, params ReadOnlySpan<long> shape)
        where T : unmanaged
    {
        var dtype = DTypeOf<T>();
        fixed (T* first = data) return FromMemory(first, (long)data.Length * sizeof(T), data.Length, dtype, shape);
    }

    /// <summary>A tensor on the CPU with a copy of row-major <paramref name="data"/>.</summary>
    /// <inheritdoc cref="From{T}(ReadOnlySpan{T}, ReadOnlySpan{long})"/>
    public static Tensor From<T>(T[] data, params ReadOnlySpan<long> shape)
        where T : unmanaged => From((ReadOnlySpan<T>)data, shape);

    /// <summary>A tensor on the CPU with a copy of raw row-major bytes of the given type.</summary>
    /// <exception cref="ArgumentException">The number of bytes does not fit the shape and type.</exception>
    public static Tensor FromBytes(ReadOnlySpan<byte> data, DType dtype, params ReadOnlySpan<long> shape)
    {
        fixed (byte* first = data) return FromMemory(first, data.Length, data.Length / dtype.ElementSize(), dtype, shape);
    }

    /// <summary>A scalar tensor.</summary>
    public static Tensor Scalar(double value, DType dtype = DType.Float32, Device device = default) => Full([], value, dtype, device);

    /// <summary>Zeros.</summary>
    public static Tensor Zeros(ReadOnlySpan<long> shape, DType dtype = DType.Float32, Device device = default)
    {
        ElementBudget.Spend(shape);
        return _zeros.Call(shape, dtype, Value.None, device, false);
    }

    /// <summary>Ones.</summary>
    public static Tensor Ones(ReadOnlySpan<long> shape, DType dtype = DType.Float32, Device device = default) => Full(shape, 1, dtype, device);

    /// <summary>One value everywhere.</summary>
    public static Tensor Full(ReadOnlySpan<long> shape, double value, DType dtype = DType.Float32, Device device = default)
    {
        ElementBudget.Spend(shape);
        return _full.Call(shape, value, dtype, Value.None, device, false);
    }

    /// <summary><c>start, start + step, ...</c> below <paramref name="end"/>.</summary>
    public static Tensor Arange(double start, double end, double step = 1, DType dtype = DType.Float32, Device device = default) =>
        _arange.Call(start, end, step, dtype, Value.None, device, false);

    /// <summary><paramref name="count"/> equally spaced values from <paramref name="start"/> to <paramref name="end"/>, both included.</summary>
    public static Tensor Linspace(double start, double end, long count, DType dtype = DType.Float32, Device device = default) =>
        _linspace.Call(start, end, count, dtype, Value.None, device, false);

    /// <summary>The identity matrix of size <paramref name="n"/>.</summary>
    public static Tensor Eye(long n, DType dtype = DType.Float32, Device device = default) => _eye.Call(n, dtype, Value.None, device, false);

    /// <summary>Zeros of this tensor's shape, type and device.</summary>
    public Tensor ZerosLike() => _zerosLike.Call(this);

    /// <summary>Ones of this tensor's shape, type and device.</summary>
    public Tensor OnesLike() => _onesLike.Call(this);

    /// <summary>Uninitialised memory of this tensor's shape, type and device.</summary>
    public Tensor EmptyLike() => _emptyLike.Call(this);

    /// <summary>The elements as another type; the same tensor when it has that type already.</summary>
    public Tensor To(DType dtype) => dtype == DType ? this : _to.Call(this, dtype);

    /// <summary>The tensor on another device; the same tensor when it is there already.</summary>
    public Tensor To(Device device) => device == Device ? this : _toDevice.Call(this, device, DType);

    /// <summary>A copy of the elements in memory of its own.</summary>
    public Tensor Clone() => _clone.Call(this);

    /// <summary>The same elements in row-major order (or, for rank 4, in channels-last order).</summary>
    public Tensor Contiguous(bool channelsLast = false) => _contiguous.Call(this, channelsLast ? 2 : 0);

    /// <summary>The same elements without the autograd history.</summary>
    public Tensor Detach() => _detach.Call(this);

    /// <summary>Overwrites the elements with those of <paramref name="source"/> (broadcast and converted).</summary>
    /// <returns>This tensor.</returns>
    public Tensor CopyFrom(Tensor source)
    {
        _copyInto.Call(this, source).Dispose();
        return this;
    }

    /// <summary>The elements in row-major order.</summary>
    /// <exception cref="InvalidOperationException"><typeparamref name="T"/> is not this tensor's element type.</exception>
    public T[] ToArray<T>()
        where T : unmanaged
    {
        if (DTypeOf<T>() != DType) throw new InvalidOperationException($"the tensor holds {DType}, not {typeof(T).Name}");
        var data = GC.AllocateUninitializedArray<T>(checked((int)Count));
        fixed (T* first = data) ReadInto(first, (long)data.Length * sizeof(T));
        return data;
    }

    /// <summary>Copies the elements in row-major order to <paramref name="destination"/>.</summary>
    /// <exception cref="TorchException">The destination has another size in bytes.</exception>
    public void CopyTo<T>(Span<T> destination)
        where T : unmanaged
    {
        fixed (T* first = destination) ReadInto(first, (long)destination.Length * sizeof(T));
    }

    /// <summary>The only element, as a number.</summary>
    /// <exception cref="InvalidOperationException">There is not exactly one element.</exception>
    public double Item()
    {
        if (Count != 1) throw new InvalidOperationException($"{this} has {Count} elements, not one");
        using var real = DType == DType.Float64 ? null : _to.Call(this, DType.Float64);
        double value;
        (real ?? this).ReadInto(&value, sizeof(double));
        return value;
    }

    /// <summary>The memory of a contiguous tensor on the CPU, valid while the tensor is alive.</summary>
    /// <exception cref="InvalidOperationException">The tensor is not contiguous, not on the CPU or of another type.</exception>
    public Span<T> Memory<T>()
        where T : unmanaged
    {
        if (DTypeOf<T>() != DType) throw new InvalidOperationException($"the tensor holds {DType}, not {typeof(T).Name}");
        if (Count == 0) return [];
        var expected = 1L;
        var (shape, strides) = (Info(), Strides());
        for (var i = shape.Length - 1; i >= 0; i--)
        {
            if (shape[i] != 1 && strides[i] != expected) throw new InvalidOperationException($"{this} is not contiguous");
            expected *= shape[i];
        }
        var native = Borrow();
        try
        {
            Native.Check(Native.pt_tensor_data(native, out var data));
            return new Span<T>(data, checked((int)Count));
        }
        finally
        {
            DangerousRelease();
        }
    }

    internal static DType DTypeOf<T>() => default(T) switch
    {
        float => DType.Float32,
        double => DType.Float64,
        long => DType.Int64,
        int => DType.Int32,
        short => DType.Int16,
        sbyte => DType.Int8,
        byte => DType.UInt8,
        bool => DType.Bool,
        Half => DType.Float16,
        System.Numerics.Complex => DType.Complex128,
        _ => throw new NotSupportedException($"tensors do not hold {typeof(T).Name}"),
    };

    private static Tensor FromMemory(void* data, long bytes, long count, DType dtype, ReadOnlySpan<long> shape)
    {
        var expected = 1L;
        foreach (var size in shape) expected = checked(expected * size);
        if (expected != count || expected * dtype.ElementSize() != bytes)
            throw new ArgumentException($"a shape of [{string.Join(", ", shape.ToArray())}] holds {expected} elements, not {count}");
        byte nothing = 0;
        fixed (long* first = shape)
        {
            Native.Check(Native.pt_tensor_new(data == null ? &nothing : data, bytes, (int)dtype, first, shape.Length, out var created));
            return new Tensor(created);
        }
    }

    /// <summary>A new row-major tensor on the CPU whose elements the caller must write; <paramref name="data"/> is null when there are none.</summary>
    internal static Tensor Uninitialised(ReadOnlySpan<long> shape, DType dtype, out void* data)
    {
        long bytes = dtype.ElementSize();
        foreach (var size in shape) bytes = checked(bytes * size);
        fixed (long* first = shape)
        {
            Native.Check(Native.pt_tensor_new(null, bytes, (int)dtype, first, shape.Length, out var created));
            var tensor = new Tensor(created);
            Native.Check(Native.pt_tensor_data(created, out data));
            return tensor;
        }
    }

    /// <summary>Copies the elements in row-major order to exactly <paramref name="bytes"/> bytes of CPU memory.</summary>
    internal void ReadInto(void* destination, long bytes)
    {
        var native = Borrow();
        try
        {
            Native.Check(Native.pt_tensor_read(native, destination, bytes));
        }
        finally
        {
            DangerousRelease();
        }
    }
}
