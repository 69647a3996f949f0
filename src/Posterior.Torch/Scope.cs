namespace Posterior.Torch;

/// <summary>
/// Frees, when disposed, every tensor that was created on this thread since it was opened, except those that were kept.
/// Scopes nest; without one a tensor lives until it is disposed or collected.
/// </summary>
/// <example><code>
/// using var scope = new Scope();
/// var y = (a * b).Sum();       // a * b is freed with the scope
/// return scope.Keep(y);        // y goes to the enclosing scope, or to the caller when there is none
/// </code></example>
public sealed class Scope : IDisposable
{
    [ThreadStatic] private static Scope? _current;

    private readonly Scope? _outer;
    private readonly List<Tensor> _tensors = [];
    private bool _closed;

    /// <summary>Opens a scope inside the thread's current one.</summary>
    public Scope()
    {
        _outer = _current;
        _current = this;
    }

    /// <summary>Moves <paramref name="tensor"/> to the enclosing scope, or to the caller's care when there is none.</summary>
    /// <returns>The same tensor.</returns>
    public Tensor Keep(Tensor tensor)
    {
        if (tensor.Owner == this)
        {
            tensor.Owner = _outer;
            _outer?._tensors.Add(tensor);
        }
        return tensor;
    }

    /// <summary>Keeps <paramref name="next"/> instead of <paramref name="current"/>, which is freed unless it is the same tensor: for the state of a loop.</summary>
    public void Replace(ref Tensor current, Tensor next)
    {
        Keep(next);
        if (!ReferenceEquals(current, next)) current.Dispose();
        current = next;
    }

    /// <summary>Frees the scope's tensors and returns to the enclosing scope.</summary>
    /// <exception cref="InvalidOperationException">An inner scope is still open, or the scope belongs to another thread.</exception>
    public void Dispose()
    {
        if (_closed) return;
        if (_current != this) throw new InvalidOperationException("a scope must be closed on the thread that opened it, after the scopes inside it");
        _closed = true;
        _current = _outer;
        foreach (var tensor in _tensors)
            if (tensor.Owner == this) tensor.Dispose();
        _tensors.Clear();
    }

    internal static void Adopt(Tensor tensor)
    {
        if (_current is not { } scope) return;
        tensor.Owner = scope;
        scope._tensors.Add(tensor);
    }
}
