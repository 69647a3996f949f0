using Posterior.Imaging;
using Posterior.Torch;
using Posterior.Torch.Nn;

namespace Posterior.Operators;

/// <summary>
/// What <see cref="MotionBlurBatch"/> calculates, for images that are so small that H and H^+ of one channel fit a processor's cache as matrices:
/// Fourier transforms of so few pixels are mostly overhead.
/// </summary>
internal sealed class BlurMatrixBatch : OperatorBatch
{
    private const long MostNumbers = 1 << 18;

    // [n, measured pixels, pixels], for all channels alike; that of H^+ is transposed.
    private readonly Constant _h, _pseudoInverse;
    private readonly long[] _rows;
    private readonly long _measured;

    public BlurMatrixBatch(ImageShape shape, int stride, MotionBlurMember[] members)
    {
        using var scope = new Scope();
        (InputShape, Count, _measured) = (shape, members.Length, Measured(shape, stride));
        _rows = [.. Enumerable.Repeat(_measured, members.Length)];
        using var exact = new MotionBlurBatch(shape with { Channels = 1 }, stride, members);

        // What the first measured pixel brings back; every other one brings the same, moved by its place.
        var first = Tensor.Zeros([Count, _measured], DType.Float64);
        first.Narrow(1, 0, 1).Fill(1);
        _h = new Constant(Moved(exact.Adjoint(first), stride));
        _pseudoInverse = new Constant(Moved(exact.PseudoInverse(first), stride));
    }

    /// <inheritdoc/>
    public override long Count { get; }

    /// <inheritdoc/>
    public override ImageShape InputShape { get; }

    /// <inheritdoc/>
    public override long Rows => InputShape.Channels * _measured;

    /// <summary>Whether the matrices of such images are small enough.</summary>
    public static bool Fits(ImageShape shape, int stride) => shape.Height * shape.Width <= MostNumbers / Measured(shape, stride);

    /// <inheritdoc/>
    public override void Dispose()
    {
        _h.Dispose();
        _pseudoInverse.Dispose();
        base.Dispose();
    }

    private protected override Tensor ApplyStack(Tensor x) =>
        StackedProduct.WithTransposed(x.Reshape(Count, -1, InputShape.Height * InputShape.Width), _h.For(x), _rows).Reshape(Count, -1, Rows);

    private protected override Tensor AdjointStack(Tensor y) => Back(y, _h);

    private protected override Tensor PseudoInverseStack(Tensor y) => Back(y, _pseudoInverse);

    private static long Measured(ImageShape shape, int stride) => shape.Height / stride * (shape.Width / stride);

    private Tensor Back(Tensor y, Constant matrices) =>
        StackedProduct.With(y.Reshape(Count, -1, _measured), matrices.For(y), _rows).Reshape(Count, -1, InputShape.Channels, InputShape.Height, InputShape.Width);

    // [n, 1, H, W] on a torus, moved by multiples of the stride.
    private Tensor Moved(Tensor image, int stride)
    {
        var (height, width) = (InputShape.Height, InputShape.Width);
        var places = new long[_measured * height * width];
        var next = 0;
        for (var i = 0L; i < height; i += stride)
            for (var j = 0L; j < width; j += stride)
                for (var y = 0L; y < height; y++)
                    for (var x = 0L; x < width; x++) places[next++] = (y - i + height) % height * width + (x - j + width) % width;
        return image.Flatten(1).IndexSelect(1, Tensor.From(places, places.Length)).Reshape(Count, _measured, -1);
    }
}
