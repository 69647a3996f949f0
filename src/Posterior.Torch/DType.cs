namespace Posterior.Torch;

/// <summary>Element types of a <c>Tensor</c>; the values are libtorch's <c>ScalarType</c> codes.</summary>
public enum DType
{
    /// <summary>Unsigned 8-bit integer.</summary>
    UInt8 = 0,

    /// <summary>Signed 8-bit integer.</summary>
    Int8 = 1,

    /// <summary>Signed 16-bit integer.</summary>
    Int16 = 2,

    /// <summary>Signed 32-bit integer.</summary>
    Int32 = 3,

    /// <summary>Signed 64-bit integer.</summary>
    Int64 = 4,

    /// <summary>IEEE half precision.</summary>
    Float16 = 5,

    /// <summary>IEEE single precision: the type of images and weights unless stated.</summary>
    Float32 = 6,

    /// <summary>IEEE double precision.</summary>
    Float64 = 7,

    /// <summary>Complex of two 32-bit floats: the result of a Fourier transform of <see cref="Float32"/>.</summary>
    Complex64 = 9,

    /// <summary>Complex of two 64-bit floats: the result of a Fourier transform of <see cref="Float64"/>.</summary>
    Complex128 = 10,

    /// <summary>Boolean, one byte an element.</summary>
    Bool = 11,

    /// <summary>Brain float: 8 exponent bits, 7 mantissa bits.</summary>
    BFloat16 = 15,
}

/// <summary>Facts about element types.</summary>
public static class DTypes
{
    /// <summary>The size of one element in bytes.</summary>
    public static int ElementSize(this DType dtype) => dtype switch
    {
        DType.UInt8 or DType.Int8 or DType.Bool => 1,
        DType.Int16 or DType.Float16 or DType.BFloat16 => 2,
        DType.Int32 or DType.Float32 => 4,
        DType.Int64 or DType.Float64 or DType.Complex64 => 8,
        DType.Complex128 => 16,
        _ => throw new ArgumentOutOfRangeException(nameof(dtype), dtype, "an unknown element type"),
    };

    /// <summary>Whether elements are real floating-point numbers.</summary>
    public static bool IsFloatingPoint(this DType dtype) => dtype is DType.Float16 or DType.BFloat16 or DType.Float32 or DType.Float64;
}
