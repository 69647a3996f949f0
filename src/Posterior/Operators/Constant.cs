using Posterior.Torch;

namespace Posterior.Operators;

/// <summary>
/// A tensor that belongs to an operator: kept in double precision on the host, handed out in the element type and on the device of the
/// images at hand. Each conversion is made once.
/// </summary>
public sealed class Constant : IDisposable
{
    private readonly Tensor _exact;
    private readonly Dictionary<(DType, Device), Tensor> _converted = [];
    private readonly Lock _lock = new();

    /// <summary>Takes over a tensor: no scope frees it.</summary>
    /// <param name="exact">Real or complex values; anything but double precision is converted.</param>
    public Constant(Tensor exact) => _exact = exact.To(IsComplex(exact.DType) ? DType.Complex128 : DType.Float64).Own();

    /// <summary>The values in double precision on the host.</summary>
    public Tensor Exact => _exact;

    /// <summary>The values for calculations with <paramref name="tensor"/>: its precision, its device. The operator keeps owning them.</summary>
    public Tensor For(Tensor tensor) => In(tensor.DType, tensor.Device);

    /// <summary>The values in the precision of <paramref name="dtype"/> on a device. The operator keeps owning them.</summary>
    /// <exception cref="OperatorException">The type has neither single nor double precision.</exception>
    public Tensor In(DType dtype, Device device)
    {
        var single = dtype switch
        {
            DType.Float32 or DType.Complex64 => true,
            DType.Float64 or DType.Complex128 => false,
            _ => throw new OperatorException($"operators work on Float32 and Float64 images, found {dtype}"),
        };
        if (!single && device == _exact.Device) return _exact;
        var key = (single ? DType.Float32 : DType.Float64, device);
        lock (_lock)
        {
            if (_converted.TryGetValue(key, out var known)) return known;
            using var scope = new Scope();
            var converted = _exact.To(IsComplex(_exact.DType) ? single ? DType.Complex64 : DType.Complex128 : key.Item1).To(device);
            return _converted[key] = converted.Own();
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var tensor in _converted.Values) tensor.Dispose();
        _converted.Clear();
        _exact.Dispose();
    }

    private static bool IsComplex(DType dtype) => dtype is DType.Complex64 or DType.Complex128;
}
