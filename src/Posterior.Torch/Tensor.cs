using System.Globalization;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Posterior.Torch;

/// <summary>
/// A libtorch tensor. It is a <see cref="SafeHandle"/>: disposed by hand or by the <see cref="Scope"/> in which it was created.
/// Images are <c>[N, C, H, W]</c>, <see cref="DType.Float32"/>, in [-1, 1] inside the library.
/// </summary>
public sealed unsafe partial class Tensor : SafeHandle
{
    private const int MostDimensions = 16;

    private static long _live;

    private long[]? _shape;
    private DType _dtype;
    private Device _device;

    internal Tensor(nint handle)
        : base(0, true)
    {
        SetHandle(handle);
        Interlocked.Increment(ref _live);
        Scope.Adopt(this);
    }

    /// <summary>The number of tensor handles alive in the process. It returns to its earlier value when everything was freed.</summary>
    public static long LiveCount => Interlocked.Read(ref _live);

    /// <inheritdoc/>
    public override bool IsInvalid => handle == 0;

    /// <summary>The size of each dimension.</summary>
    public ReadOnlySpan<long> Shape => Info();

    /// <summary>The number of dimensions.</summary>
    public int Rank => Info().Length;

    /// <summary>The element type.</summary>
    public DType DType
    {
        get
        {
            Info();
            return _dtype;
        }
    }

    /// <summary>Where the elements live.</summary>
    public Device Device
    {
        get
        {
            Info();
            return _device;
        }
    }

    /// <summary>The number of elements.</summary>
    public long Count
    {
        get
        {
            var count = 1L;
            foreach (var size in Info()) count *= size;
            return count;
        }
    }

    internal Scope? Owner { get; set; }

    /// <summary>The size of one dimension; negative counts from the end.</summary>
    public long Size(int dimension)
    {
        var shape = Info();
        return shape[dimension < 0 ? shape.Length + dimension : dimension];
    }

    /// <summary>Takes the tensor out of its scope: it lives until it is disposed or collected.</summary>
    /// <returns>The same tensor.</returns>
    public Tensor Own()
    {
        Owner = null;
        return this;
    }

    /// <summary>Another handle to the same elements and the same place in the autograd graph.</summary>
    public Tensor Alias()
    {
        Native.Check(Native.pt_tensor_alias(Borrow(), out var alias));
        DangerousRelease();
        return new Tensor(alias);
    }

    /// <summary>The strides of the dimensions, in elements.</summary>
    public long[] Strides()
    {
        var strides = new long[Rank];
        var shape = stackalloc long[MostDimensions];
        fixed (long* first = strides)
        {
            Native.Check(Native.pt_tensor_info(Borrow(), shape, first, strides.Length, out _, out _, out _));
            DangerousRelease();
        }
        return strides;
    }

    /// <inheritdoc/>
    public override string ToString() => IsClosed ? "Tensor (freed)" : string.Create(CultureInfo.InvariantCulture, $"Tensor [{string.Join(", ", Info())}] {DType} {Device}");

    /// <inheritdoc/>
    protected override bool ReleaseHandle()
    {
        Interlocked.Decrement(ref _live);
        return Native.pt_tensor_free(handle) == 0;
    }

    /// <summary>Adds a reference for the time of a native call; pair with <see cref="SafeHandle.DangerousRelease"/>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal nint Borrow()
    {
        var added = false;
        DangerousAddRef(ref added);
        return handle;
    }

    private long[] Info()
    {
        if (_shape is { } known) return known;
        var shape = stackalloc long[MostDimensions];
        var strides = stackalloc long[MostDimensions];
        var native = Borrow();
        try
        {
            Native.Check(Native.pt_tensor_info(native, shape, strides, MostDimensions, out var rank, out var dtype, out var device));
            _dtype = (DType)dtype;
            _device = Device.FromCode(device);
            return _shape = new ReadOnlySpan<long>(shape, rank).ToArray();
        }
        finally
        {
            DangerousRelease();
        }
    }
}
