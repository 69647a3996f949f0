namespace Posterior.Torch.Weights;

/// <summary>A tensor as PyTorch stores it: an offset, sizes and strides (in elements) over a flat storage.</summary>
/// <param name="Offset">The first element.</param>
/// <param name="Shape">The dimensions, outermost first.</param>
/// <param name="Strides">Elements between neighbours along each dimension.</param>
internal sealed record StridedView(long Offset, long[] Shape, long[] Strides)
{
    /// <summary>The largest number of dimensions that <see cref="Tensor"/> handles.</summary>
    public const int HighestRank = 16;

    /// <summary>Says what is wrong with the view over a storage of so many elements; null when every index lies inside.</summary>
    public string? Fault(long storageElements)
    {
        if (Shape.Length != Strides.Length)
            return $"has {Shape.Length} sizes and {Strides.Length} strides";
        if (Shape.Length > HighestRank)
            return $"has {Shape.Length} dimensions, expected at most {HighestRank}";
        if (Shape.Any(size => size < 0))
            return $"has a negative size in [{string.Join(", ", Shape)}]";
        if (Strides.Any(stride => stride < 0))
            return $"has a negative stride in [{string.Join(", ", Strides)}]";
        if (Offset < 0)
            return $"has the negative storage offset {Offset}";
        if (!ElementTypes.TryCount(Shape, out var elements))
            return $"has the shape [{string.Join(", ", Shape)}], larger than 63 bits can count";
        if (elements == 0)
            return null;
        var last = (Int128)Offset;
        for (var d = 0; d < Shape.Length; d++)
        {
            last += (Int128)(Shape[d] - 1) * Strides[d];
        }

        return last < storageElements ? null : $"reaches element {last} of a storage of {storageElements}";
    }

    /// <summary>Copies the view's elements in row-major order.</summary>
    /// <param name="storage">The storage's first byte; the view must have no <see cref="Fault"/>.</param>
    /// <param name="elementSize">Bytes of an element: 1, 2, 4, 8 or 16.</param>
    /// <param name="destination">Room for all elements of the view.</param>
    public unsafe void CopyTo(byte* storage, int elementSize, byte* destination)
    {
        if (Shape.Contains(0))
            return;

        // The innermost dimensions that lie in memory as they will be written form one block.
        var outer = Shape.Length;
        long block = 1;
        while (outer > 0 && (Strides[outer - 1] == block || Shape[outer - 1] == 1))
        {
            block *= Shape[--outer];
        }

        // One strided dimension is left to a tight loop when the block is a single element.
        var inner = block == 1 && outer > 0 ? --outer : -1;
        var index = new long[outer];
        var position = Offset;
        while (true)
        {
            var source = storage + position * elementSize;
            if (inner < 0)
            {
                var bytes = block * elementSize;
                Buffer.MemoryCopy(source, destination, bytes, bytes);
                destination += bytes;
            }
            else
            {
                Gather(source, Strides[inner], Shape[inner], elementSize, destination);
                destination += Shape[inner] * elementSize;
            }

            var d = outer - 1;
            for (; d >= 0; d--)
            {
                position += Strides[d];
                if (++index[d] < Shape[d])
                    break;
                position -= Strides[d] * Shape[d];
                index[d] = 0;
            }

            if (d < 0)
                return;
        }
    }

    private static unsafe void Gather(byte* source, long stride, long count, int elementSize, byte* destination)
    {
        switch (elementSize)
        {
            case 1:
                Gather(source, stride, count, destination);
                break;
            case 2:
                Gather((ushort*)source, stride, count, (ushort*)destination);
                break;
            case 4:
                Gather((uint*)source, stride, count, (uint*)destination);
                break;
            case 8:
                Gather((ulong*)source, stride, count, (ulong*)destination);
                break;
            default:
                Gather((UInt128*)source, stride, count, (UInt128*)destination);
                break;
        }
    }

    private static unsafe void Gather<T>(T* source, long stride, long count, T* destination)
        where T : unmanaged
    {
        for (long i = 0; i < count; i++)
        {
            destination[i] = source[i * stride];
        }
    }
}
