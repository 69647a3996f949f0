namespace Posterior.Torch;

/// <summary>One argument of an <see cref="Op"/>: a tensor, number, flag, text, list, or nothing. Conversions from C# types are implicit.</summary>
public readonly struct Value
{
    internal readonly ValueTag Tag;
    internal readonly long Bits;
    internal readonly object? Reference;

    private Value(ValueTag tag, long bits, object? reference = null) => (Tag, Bits, Reference) = (tag, bits, reference);

    /// <summary>An absent optional argument.</summary>
    public static Value None => default;

    /// <summary>A tensor, or nothing for null.</summary>
    public static implicit operator Value(Tensor? tensor) => tensor is null ? default : new(ValueTag.Tensor, 0, tensor);

    /// <summary>An integer.</summary>
    public static implicit operator Value(long integer) => new(ValueTag.Integer, integer);

    /// <summary>An integer.</summary>
    public static implicit operator Value(int integer) => new(ValueTag.Integer, integer);

    /// <summary>A real number.</summary>
    public static implicit operator Value(double real) => new(ValueTag.Real, BitConverter.DoubleToInt64Bits(real));

    /// <summary>A flag.</summary>
    public static implicit operator Value(bool flag) => new(ValueTag.Boolean, flag ? 1 : 0);

    /// <summary>A text.</summary>
    public static implicit operator Value(string text) => new(ValueTag.Text, 0, System.Text.Encoding.UTF8.GetBytes(text));

    /// <summary>An element type.</summary>
    public static implicit operator Value(DType dtype) => new(ValueTag.Integer, (long)dtype);

    /// <summary>An element type, or nothing.</summary>
    public static implicit operator Value(DType? dtype) => dtype is { } known ? known : default(Value);

    /// <summary>A device.</summary>
    public static implicit operator Value(Device device) => new(ValueTag.Device, device.Code);

    /// <summary>A list of integers, such as a shape.</summary>
    public static implicit operator Value(long[]? integers) => integers is null ? default : new(ValueTag.IntegerList, 0, integers);

    /// <summary>A list of integers, such as a shape.</summary>
    public static implicit operator Value(ReadOnlySpan<long> integers) => integers.ToArray();

    /// <summary>A list of real numbers.</summary>
    public static implicit operator Value(double[]? reals) => reals is null ? default : new(ValueTag.RealList, 0, reals);

    /// <summary>A list of tensors; null elements are absent optional tensors.</summary>
    public static implicit operator Value(Tensor?[] tensors) => new(ValueTag.TensorList, 0, tensors);

    internal int ListLength => Tag switch
    {
        ValueTag.IntegerList => ((long[])Reference!).Length,
        ValueTag.RealList => ((double[])Reference!).Length,
        ValueTag.TensorList => ((Tensor?[])Reference!).Length,
        ValueTag.Text => (((byte[])Reference!).Length + 7) / 8,
        _ => 0,
    };
}
