using Posterior.Imaging;
using Posterior.Torch;
using Posterior.Torch.Nn;

namespace Posterior.Operators;

/// <summary>
/// What <see cref="MotionBlurBatch"/> calculates, also of several strides together, for images that are so small that H and H^+ of one channel fit a processor's cache as
/// matrices: Fourier transforms of so few pixels are mostly overhead.
/// </summary>
internal sealed class BlurMatrixBatch : OperatorBatch
{
    private const long MostNumbers = 1 << 18;

    private readonly MotionBlurMember[] _members;
    private readonly long[] _measured;
    private readonly long _most;

    // In the number formats that were asked for, which is one but in tests.
    private readonly Dictionary<(DType, Device), Matrices> _matrices = [];
    private readonly Lock _lock = new();

    // From channels side by side, each with zeros up to the most pixels, to measurements with all zeros at the end, and back; null where no image has fewer.
    private readonly Tensor? _together, _apart;

    public BlurMatrixBatch(ImageShape shape, MotionBlurMember[] members)
    {
        using var scope = new Scope();
        (InputShape, Count, _members) = (shape, members.Length, members);
        _measured = [.. members.Select(member => Measured(shape, member.Stride))];
        _most = _measured.Max();
        if (_measured.All(count => count == _most)) return;
        _together = Places((count, i) => i < shape.Channels * count ? i / count * _most + i % count : count);
        _apart = Places((count, i) => i % _most < count ? i / _most * count + i % _most : 0);
    }

    /// <inheritdoc/>
    public override long Count { get; }

    /// <inheritdoc/>
    public override ImageShape InputShape { get; }

    /// <inheritdoc/>
    public override long Rows => InputShape.Channels * _most;

    /// <summary>Whether the matrices of such images are small enough.</summary>
    public static bool Fits(ImageShape shape, int stride) => shape.Height * shape.Width <= MostNumbers / Measured(shape, stride);

    /// <inheritdoc/>
    public override void Dispose()
    {
        foreach (var matrices in _matrices.Values)
        {
            matrices.H.Dispose();
            matrices.PseudoInverse.Dispose();
        }
        _matrices.Clear();
        _together?.Dispose();
        _apart?.Dispose();
        base.Dispose();
    }

    internal override Tensor Through(Tensor x, GatedMixture mixture)
    {
        using var scope = new Scope();
        var matrices = For(x);
        return scope.Keep(mixture.Between(x.Flatten(3), matrices.H, _measured, null, matrices.PseudoInverse)?.Reshape(Count, -1, InputShape.Channels, InputShape.Height, InputShape.Width)
            ?? base.Through(x, mixture));
    }

    private protected override Tensor ApplyStack(Tensor x) =>
        Rearranged(StackedProduct.WithTransposed(x.Reshape(Count, -1, InputShape.Height * InputShape.Width), For(x).H, _measured).Reshape(Count, -1, Rows), _together);

    private protected override Tensor AdjointStack(Tensor y) => Back(y, For(y).H);

    private protected override Tensor PseudoInverseStack(Tensor y) => Back(y, For(y).PseudoInverse);

    private static long Measured(ImageShape shape, int stride) => shape.Height / stride * (shape.Width / stride);

    // Stacks of rows, each image's numbers taken from their places.
    private static Tensor Rearranged(Tensor x, Tensor? places) => places is null ? x : x.Gather(2, places.To(x.Device).Expand(x.Shape));

    private Tensor Back(Tensor y, Tensor matrices) =>
        StackedProduct.With(Rearranged(y, _apart).Reshape(Count, -1, _most), matrices, _measured).Reshape(Count, -1, InputShape.Channels, InputShape.Height, InputShape.Width);

    private Matrices For(Tensor x)
    {
        lock (_lock)
        {
            if (_matrices.TryGetValue((x.DType, x.Device), out var known)) return known;
            using var gradients = new NoGrad();
            return _matrices[(x.DType, x.Device)] = Make(x.DType, x.Device);
        }
    }

    private Matrices Make(DType dtype, Device device)
    {
        using var scope = new Scope();
        long[] shape = [Count, _most, InputShape.Height * InputShape.Width];
        var (h, inverse) = (Tensor.Zeros(shape, dtype), Tensor.Zeros(shape, dtype));
        foreach (var group in _members.Select((member, index) => (member, index)).GroupBy(pair => pair.member.Stride))
        {
            using var part = new Scope();
            using var exact = new MotionBlurBatch(InputShape with { Channels = 1 }, group.Key, [.. group.Select(pair => pair.member)]);
            // What the first measured pixel brings back; every other one brings the same, moved by its place.
            var first = Tensor.Zeros([exact.Count, exact.Rows], DType.Float64);
            first.Narrow(1, 0, 1).Fill(1);
            var (adjoint, back) = (Moved(exact.Adjoint(first).To(dtype), group.Key), Moved(exact.PseudoInverse(first).To(dtype), group.Key));
            foreach (var ((_, index), i) in group.Select((pair, i) => (pair, i)))
            {
                h.Select(0, index).Narrow(0, 0, exact.Rows).CopyFrom(adjoint.Select(0, i));
                inverse.Select(0, index).Narrow(0, 0, exact.Rows).CopyFrom(back.Select(0, i));
            }
        }
        return new(h.To(device).Own(), inverse.To(device).Own());
    }

    // [n, 1, rows], from the number of an image's measured pixels and the number in a row.
    private Tensor Places(Func<long, long, long> place) =>
        Tensor.From(_measured.SelectMany(count => Enumerable.Range(0, (int)Rows).Select(i => place(count, i))).ToArray(), Count, 1, Rows).Own();

    // [n, 1, H, W] on a torus, moved by multiples of the stride: [n, measured pixels, pixels].
    private Tensor Moved(Tensor image, int stride)
    {
        var (height, width, measured) = (InputShape.Height, InputShape.Width, Measured(InputShape, stride));
        var places = new long[measured * height * width];
        var next = 0;
        for (var i = 0L; i < height; i += stride)
            for (var j = 0L; j < width; j += stride)
                for (var y = 0L; y < height; y++)
                    for (var x = 0L; x < width; x++) places[next++] = (y - i + height) % height * width + (x - j + width) % width;
        return image.Flatten(1).IndexSelect(1, Tensor.From(places, places.Length)).Reshape(image.Size(0), measured, -1);
    }

    // [n, most measured pixels, pixels], for all channels alike, zero beyond the measured pixels of each; that of H^+ is transposed.
    private sealed record Matrices(Tensor H, Tensor PseudoInverse);
}
