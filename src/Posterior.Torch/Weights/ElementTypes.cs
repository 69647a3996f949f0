namespace Posterior.Torch.Weights;

/// <summary>The element types' names in files, and element counts that do not overflow.</summary>
internal static class ElementTypes
{
    /// <summary>The name in a safetensors header; null where that format has none (complex of doubles).</summary>
    public static string? SafetensorsName(DType type) => type switch
    {
        DType.UInt8 => "U8",
        DType.Int8 => "I8",
        DType.Int16 => "I16",
        DType.Int32 => "I32",
        DType.Int64 => "I64",
        DType.Float16 => "F16",
        DType.Float32 => "F32",
        DType.Float64 => "F64",
        DType.Complex64 => "C64",
        DType.Bool => "BOOL",
        DType.BFloat16 => "BF16",
        _ => null,
    };

    /// <summary>The element type of a name in a safetensors header; null for a name that is unknown or has no counterpart here.</summary>
    public static DType? FromSafetensorsName(string name) => name switch
    {
        "U8" => DType.UInt8,
        "I8" => DType.Int8,
        "I16" => DType.Int16,
        "I32" => DType.Int32,
        "I64" => DType.Int64,
        "F16" => DType.Float16,
        "F32" => DType.Float32,
        "F64" => DType.Float64,
        "C64" => DType.Complex64,
        "BOOL" => DType.Bool,
        "BF16" => DType.BFloat16,
        _ => null,
    };

    /// <summary>
    /// Multiplies the dimensions. Fails on a negative dimension and where the product of the dimensions that are not zero leaves 63 bits:
    /// libtorch computes strides from that product even when another dimension is zero.
    /// </summary>
    public static bool TryCount(ReadOnlySpan<long> shape, out long elements)
    {
        elements = 0;
        long product = 1;
        var empty = false;
        foreach (var size in shape)
        {
            if (size < 0)
                return false;
            if (size == 0)
                empty = true;
            else if (size > long.MaxValue / product)
                return false;
            else
                product *= size;
        }

        elements = empty ? 0 : product;
        return true;
    }

    /// <summary>As <see cref="TryCount"/>, times the size of an element.</summary>
    public static bool TryCountBytes(ReadOnlySpan<long> shape, DType type, out long bytes)
    {
        bytes = 0;
        var size = type.ElementSize();
        // As if no size were zero: strides are products of the others.
        var largest = (long)size;
        foreach (var one in shape)
        {
            if (one > 0 && one > long.MaxValue / largest)
                return false;
            largest *= Math.Max(1, one);
        }

        if (!TryCount(shape, out var elements))
            return false;
        bytes = elements * size;
        return true;
    }
}
