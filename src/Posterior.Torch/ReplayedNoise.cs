namespace Posterior.Torch;

/// <summary>Noise that was recorded: each draw returns the next of the given tensors, so that a published run can be repeated.</summary>
/// <param name="draws">The recorded draws in order of use.</param>
public sealed class ReplayedNoise(IEnumerable<Tensor> draws) : NoiseSource
{
    private readonly Queue<Tensor> _draws = new(draws);

    /// <summary>The number of draws not yet used.</summary>
    public int Remaining => _draws.Count;

    /// <inheritdoc/>
    /// <exception cref="InvalidOperationException">All draws were used, or the next one has another shape.</exception>
    public override Tensor Normal(ReadOnlySpan<long> shape, DType dtype = DType.Float32, Device device = default)
    {
        if (!_draws.TryDequeue(out var draw)) throw new InvalidOperationException("all recorded noise has been used");
        if (!draw.Shape.SequenceEqual(shape)) throw new InvalidOperationException($"the recorded noise is {draw}, asked for was [{string.Join(", ", shape.ToArray())}]");
        return draw.To(dtype).To(device);
    }
}
