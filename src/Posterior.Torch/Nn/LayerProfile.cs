using System.Diagnostics;

namespace Posterior.Torch.Nn;

/// <summary>
/// Times the layers that run on this thread while it is open, grouped by what they do and to which shape. Layers that run inside another one
/// count in both. The time between layers (elementwise work, copies, calls) is what is left of the whole.
/// </summary>
public sealed class LayerProfile : IDisposable
{
    [ThreadStatic] private static LayerProfile? _current;

    private readonly Dictionary<(string Kind, string Shape), LayerTime> _layers = [];
    private readonly LayerProfile? _outer = _current;

    /// <summary>Opens a profile on this thread; one that is open already waits until this one closes.</summary>
    public LayerProfile() => _current = this;

    /// <summary>The layers so far, those that took most time first.</summary>
    public IReadOnlyList<LayerTime> Layers => [.. _layers.Values.OrderByDescending(layer => layer.Seconds)];

    /// <summary>Stops timing.</summary>
    public void Dispose() => _current = _outer;

    /// <summary>The moment at which a layer starts; 0 when nobody asks.</summary>
    internal static long Start() => _current is null ? 0 : Stopwatch.GetTimestamp();

    /// <summary>Takes the time of a layer that started at a moment that <see cref="Start"/> gave.</summary>
    /// <param name="start">The moment; nothing is taken when it is 0.</param>
    /// <param name="kind">What it does, as <c>convolution 3x3</c>.</param>
    /// <param name="operations">Its floating-point operations.</param>
    /// <param name="result">Its result, of whose shape it is.</param>
    internal static void Stop(long start, string kind, double operations, Tensor result)
    {
        if (start == 0 || _current is not { } profile) return;
        var seconds = Stopwatch.GetElapsedTime(start).TotalSeconds;
        var shape = string.Join('x', result.Shape.ToArray());
        var known = profile._layers.GetValueOrDefault((kind, shape)) ?? new LayerTime(kind, shape, 0, 0, 0);
        profile._layers[(kind, shape)] = known with { Count = known.Count + 1, Seconds = known.Seconds + seconds, Operations = known.Operations + operations };
    }
}

/// <summary>Layers of one kind and shape in a <see cref="LayerProfile"/>.</summary>
/// <param name="Kind">What they do, as <c>convolution 3x3</c>.</param>
/// <param name="Shape">The shape of their results, as <c>1x64x256x256</c>.</param>
/// <param name="Count">How many there were.</param>
/// <param name="Seconds">Their time together.</param>
/// <param name="Operations">Their floating-point operations together; 0 for work that is not counted.</param>
public sealed record LayerTime(string Kind, string Shape, int Count, double Seconds, double Operations);
