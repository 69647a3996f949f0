namespace Posterior.Torch;

/// <summary>
/// Counter-based noise: element k of an image's stream is a function of the image's seed and k alone, computed with basic IEEE
/// operations only, hence the same on every machine, for any number of threads, any batch size and any order of images.
/// </summary>
/// <param name="seeds">The seed of each image of the batch.</param>
public sealed unsafe class SeededNoise(params ReadOnlySpan<ulong> seeds) : NoiseSource
{
    private const int Block = 16384;

    private readonly ulong[] _seeds = seeds.ToArray();
    private ulong _position;

    /// <inheritdoc/>
    /// <exception cref="ArgumentException">The first dimension differs from the number of seeds.</exception>
    public override Tensor Normal(ReadOnlySpan<long> shape, DType dtype = DType.Float32, Device device = default)
    {
        if (shape.Length == 0 || shape[0] != _seeds.Length)
            throw new ArgumentException($"noise for {_seeds.Length} seeded images was asked for in shape [{string.Join(", ", shape.ToArray())}]");
        var each = 1L;
        foreach (var size in shape[1..]) each = checked(each * size);
        var drawn = Tensor.Zeros(shape);
        // Straight into the tensor: no array of the image's size for the garbage collector. The tensor outlives the loop.
        var memory = drawn.Memory<float>();
        fixed (float* pinned = memory) FillImages((nint)pinned, each);
        _position += (ulong)each;
        if (dtype == drawn.DType && device == drawn.Device) return drawn;
        using (drawn)
        {
            // Through an intermediate only where both differ.
            if (device == drawn.Device) return drawn.To(dtype);
            var moved = drawn.To(device);
            if (dtype == moved.DType) return moved;
            using (moved) return moved.To(dtype);
        }
    }

    private void FillImages(nint destination, long each)
    {
        var blocks = (int)((each + Block - 1) / Block);
        var position = _position;
        Parallel.For(0, blocks * _seeds.Length, index =>
        {
            var (image, block) = Math.DivRem(index, blocks);
            var first = (long)block * Block;
            var span = new Span<float>((float*)destination + image * each + first, (int)Math.Min(Block, each - first));
            NormalStream.Fill(_seeds[image], position + (ulong)first, span);
        });
    }
}
