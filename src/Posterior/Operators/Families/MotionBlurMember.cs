using Posterior.Imaging;
using Posterior.Torch;

namespace Posterior.Operators;

/// <summary>Convolution on a torus with a kernel as large as the image, keeping every s-th row and column (InvFussion App. A.2.2).</summary>
/// <param name="Shape">The shape of images; height and width are multiples of the stride.</param>
/// <param name="Kernel">As large as the image, row by row, its middle at (H / 2, W / 2), its sum 1.</param>
/// <param name="Stride">s.</param>
public sealed record MotionBlurMember(ImageShape Shape, double[] Kernel, int Stride) : FamilyMember(Shape)
{
    /// <summary>What the file of members calls this kind.</summary>
    public const string KindName = "blur";

    /// <summary>
    /// Singular values below this share of the largest one, which is that of a constant image, are zero: they belong to detail that the smoothing has
    /// removed, and noise on the measurement would come back through their inverses.
    /// </summary>
    public const double RelativeThreshold = 0.02;

    /// <inheritdoc/>
    public override string Kind => KindName;

    /// <summary>The least singular value; a kernel of sum 1 has 1 / s for constant images.</summary>
    internal double Threshold => RelativeThreshold / Stride;

    // Matrices of several strides are calculated together.
    internal override object BatchKey => BlurMatrixBatch.Fits(Shape, Stride) ? KindName : (KindName, Stride);

    /// <inheritdoc/>
    public override LinearOperator Bind(string name, DType dtype = DType.Float32, Device device = default)
    {
        using var scope = new Scope();
        return new CircularConvolution(Shape, Tensor.From(Kernel, Shape.Height, Shape.Width), Stride, Threshold, name) { DType = dtype, Device = device };
    }

    internal override OperatorBatch Batch(IReadOnlyList<FamilyMember> members)
    {
        MotionBlurMember[] blurs = [.. members.Cast<MotionBlurMember>()];
        return BlurMatrixBatch.Fits(Shape, Stride) ? new BlurMatrixBatch(Shape, blurs) : new MotionBlurBatch(Shape, Stride, blurs);
    }

    internal override (string Name, Tensor Tensor)[] Tensors() =>
        [("kernel", Tensor.From(Kernel, Shape.Height, Shape.Width)), ("stride", Tensor.From(new long[] { Stride }, 1))];
}

/// <summary>Convolutions of several images with kernels of their own and one stride; see <see cref="CircularConvolution"/> for the calculation.</summary>
internal sealed class MotionBlurBatch : OperatorBatch
{
    private readonly Polyphase _phases;
    private readonly DirectFourier _fourier;

    // K and K^+ of each frequency, [n, 1, s^2, H/s, W/(2s) + 1], without the singular values that are zero.
    private readonly Constant _k, _pseudoInverse;

    public MotionBlurBatch(ImageShape shape, int stride, MotionBlurMember[] members)
    {
        using var scope = new Scope();
        (InputShape, Count) = (shape, members.Length);
        _phases = new Polyphase(stride, shape.Height / stride, shape.Width / stride);
        _fourier = new DirectFourier(_phases);
        var k = Tensor.Stack([.. members.Select(member => _phases.Frequencies(member.Kernel, shape.Height, shape.Width))]);
        var power = k.Abs().Square().Sum([2], keepDimensions: true);
        var threshold = members[0].Threshold;
        var observed = power.GreaterOrEqual(threshold * threshold).To(DType.Float64);
        _k = new Constant(k * observed);
        _pseudoInverse = new Constant(k.Conj() * observed / (power + (1 - observed)));
    }

    /// <inheritdoc/>
    public override long Count { get; }

    /// <inheritdoc/>
    public override ImageShape InputShape { get; }

    /// <inheritdoc/>
    public override long Rows => InputShape.Channels * _phases.Rows * _phases.Columns;

    /// <inheritdoc/>
    public override void Dispose()
    {
        _fourier.Dispose();
        _k.Dispose();
        _pseudoInverse.Dispose();
        base.Dispose();
    }

    private protected override Tensor ApplyStack(Tensor x)
    {
        var planes = x.Reshape(Count, -1, InputShape.Height, InputShape.Width);
        var f = _fourier.Forward(_phases.Split(planes)) * _k.For(x);
        return _fourier.Inverse(f.Sum([2])).Reshape(Count, x.Size(1), Rows);
    }

    private protected override Tensor AdjointStack(Tensor y) => Back(y, _k.For(y).Conj());

    private protected override Tensor PseudoInverseStack(Tensor y) => Back(y, _pseudoInverse.For(y));

    private Tensor Back(Tensor y, Tensor k)
    {
        var planes = y.Reshape(Count, -1, 1, _phases.Rows, _phases.Columns);
        return _phases.Interleave(_fourier.Inverse(_fourier.Forward(planes) * k)).Reshape(Count, y.Size(1), InputShape.Channels, InputShape.Height, InputShape.Width);
    }
}
