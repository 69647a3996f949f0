namespace Posterior.Torch;

/// <summary>A region of the thread in which no operation is recorded for differentiation, until it is disposed.</summary>
public readonly ref struct NoGrad : IDisposable
{
    private readonly bool _previous;

    /// <summary>Enters the region.</summary>
    public NoGrad()
    {
        Native.Check(Native.pt_grad_mode(0, out var previous));
        _previous = previous != 0;
    }

    /// <summary>Restores the mode that was in force before.</summary>
    public void Dispose() => Native.Check(Native.pt_grad_mode(_previous ? 1 : 0, out _));
}

/// <summary>A region of the thread in which operations are recorded for differentiation, inside a <see cref="NoGrad"/> region too.</summary>
public readonly ref struct WithGrad : IDisposable
{
    private readonly bool _previous;

    /// <summary>Enters the region.</summary>
    public WithGrad()
    {
        Native.Check(Native.pt_grad_mode(1, out var previous));
        _previous = previous != 0;
    }

    /// <summary>Restores the mode that was in force before.</summary>
    public void Dispose() => Native.Check(Native.pt_grad_mode(_previous ? 1 : 0, out _));
}
