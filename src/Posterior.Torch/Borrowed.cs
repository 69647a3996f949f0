using System.Runtime.CompilerServices;

namespace Posterior.Torch;

/// <summary>References to a few tensors for the time of a native call; null tensors have null handles.</summary>
internal ref struct Borrowed
{
    private const int Most = 8;

    private Tensors _tensors;
    private Handles _handles;
    private int _held;

    /// <exception cref="ObjectDisposedException">A tensor was freed.</exception>
    public Borrowed(params ReadOnlySpan<Tensor?> tensors)
    {
        try
        {
            for (; _held < tensors.Length; _held++) (_tensors[_held], _handles[_held]) = (tensors[_held], tensors[_held]?.Borrow() ?? 0);
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    public readonly nint this[int index] => _handles[index];

    public void Dispose()
    {
        for (; _held > 0; _held--) _tensors[_held - 1]?.DangerousRelease();
    }

    [InlineArray(Most)]
    private struct Tensors
    {
        private Tensor? _first;
    }

    [InlineArray(Most)]
    private struct Handles
    {
        private nint _first;
    }
}
