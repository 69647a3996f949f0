namespace Posterior.Torch;

/// <summary>
/// A region of the thread in which <see cref="Tensor.Zeros"/>, <see cref="Tensor.Ones"/> and <see cref="Tensor.Full"/>, of which layers make their weights, give no more elements than were granted, until it is disposed: what builds a network from sizes of
/// unknown origin cannot take the machine's memory.
/// </summary>
public readonly ref struct ElementBudget : IDisposable
{
    // Tensors without elements cost something too.
    private const double Least = 64;

    [ThreadStatic]
    private static double? _left;

    private readonly double? _previous;

    /// <summary>Enters the region.</summary>
    /// <param name="elements">The elements of all tensors together.</param>
    public ElementBudget(long elements) => (_previous, _left) = (_left, elements);

    /// <summary>Restores what was granted before.</summary>
    public void Dispose() => _left = _previous;

    /// <summary>Takes the elements of a shape from what is left.</summary>
    /// <exception cref="TorchException">They are more.</exception>
    internal static void Spend(ReadOnlySpan<long> shape)
    {
        if (_left is not { } left) return;
        var elements = 1.0;
        foreach (var size in shape) elements *= size;
        if (!(elements + Least <= left)) throw new TorchException($"a tensor of [{string.Join(", ", shape.ToArray())}] is beyond what was granted");
        _left = left - elements - Least;
    }
}
