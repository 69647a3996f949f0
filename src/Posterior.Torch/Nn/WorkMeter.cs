namespace Posterior.Torch.Nn;

/// <summary>
/// Counts the floating-point operations of the layers that run on this thread while it is open, from their shapes: a multiplication and
/// an addition are two. Elementwise work is not counted. Meters nest; work counts in all of them.
/// </summary>
public sealed class WorkMeter : IDisposable
{
    [ThreadStatic] private static WorkMeter? _current;

    private readonly WorkMeter? _outer = _current;

    /// <summary>Opens a meter on this thread.</summary>
    public WorkMeter() => _current = this;

    /// <summary>Operations so far.</summary>
    public double Operations { get; private set; }

    /// <summary>Stops counting.</summary>
    public void Dispose() => _current = _outer;

    internal static void CountConvolution(ConvolutionLayer layer, Tensor result)
    {
        if (_current is not null) Count(layer.OperationsPerResult * result.Count);
    }

    internal static void CountLinear(Tensor weight, Tensor result)
    {
        if (_current is not null) Count(2.0 * weight.Size(1) * result.Count);
    }

    /// <summary>Counts softmax attention.</summary>
    /// <param name="q">The queries.</param>
    /// <param name="k">The keys; their last dimension counts them.</param>
    public static void CountAttention(Tensor q, Tensor k)
    {
        if (_current is not null) Count(4.0 * q.Count * k.Size(-1));
    }

    internal static void CountOperations(double operations)
    {
        if (_current is not null) Count(operations);
    }

    internal static void CountWindowAttention(Tensor result, long tokens)
    {
        if (_current is not null) Count(4.0 * result.Count * tokens);
    }

    /// <summary>Counts a matrix product.</summary>
    /// <param name="left">The left factor; its last dimension is summed over.</param>
    /// <param name="result">The product.</param>
    public static void CountProduct(Tensor left, Tensor result)
    {
        if (_current is not null) Count(2.0 * left.Size(-1) * result.Count);
    }

    private static void Count(double operations)
    {
        for (var meter = _current; meter is not null; meter = meter._outer) meter.Operations += operations;
    }
}
