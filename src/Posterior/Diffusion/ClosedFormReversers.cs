using Posterior.Imaging;
using Posterior.Operators;
using Posterior.Torch;

namespace Posterior.Diffusion;

/// <summary>The exact <see cref="DegradationReverser"/> of normally distributed images, or of a mixture, for small images: a matrix as large as a channel is solved.</summary>
/// <param name="prior">A <see cref="GaussianDenoiser"/> with independent pixels, or a <see cref="GaussianMixtureDenoiser"/> of such.</param>
/// <param name="process">The degradation process.</param>
/// <param name="noise">Its noise.</param>
public sealed class ClosedFormReverser(Denoiser prior, SeverityProcess process, GeometricNoise noise) : DegradationReverser
{
    /// <inheritdoc/>
    public override long? Channels => prior.Channels;

    /// <inheritdoc/>
    public override SeverityProcess Process => process;

    /// <inheritdoc/>
    public override GeometricNoise Noise => noise;

    /// <inheritdoc/>
    public override Tensor Predict(Tensor y, double time)
    {
        using var scope = new Scope();
        var plane = new ImageShape(1, y.Size(2), y.Size(3));
        using var a = process.At(plane, time);
        return scope.Keep(LinearPosterior.Mean(prior, MatrixOf.Operator(a), y, noise.Sigma(time)));
    }
}

/// <summary>
/// The exact <see cref="BlendReverser"/> of normally distributed images, or of a mixture: <c>x_t = ((1 - t) I + t H) x0 + t sqrt(sigma_y^2 + eps_t^2) n</c>, for small images.
/// </summary>
/// <param name="prior">A <see cref="GaussianDenoiser"/> or a <see cref="GaussianMixtureDenoiser"/>.</param>
/// <param name="h">H, whose measurements are images of the same shape.</param>
/// <param name="sigma">sigma_y, the noise of the measurement.</param>
/// <param name="epsilon">The fresh noise at t = 1; 0 for none.</param>
public sealed class ClosedFormBlendReverser(Denoiser prior, LinearOperator h, double sigma, double epsilon = 0) : BlendReverser
{
    /// <inheritdoc/>
    public override long? Channels => prior.Channels;

    /// <inheritdoc/>
    public override OperatorSpec? Degradation => null;

    /// <inheritdoc/>
    public override double Epsilon => epsilon;

    /// <inheritdoc/>
    public override Tensor Predict(Tensor x, double time)
    {
        using var scope = new Scope();
        var matrix = MatrixOf.Operator(h) * time + Tensor.Eye(h.InputShape.Count, DType.Float64) * (1 - time);
        return scope.Keep(LinearPosterior.Mean(prior, matrix, x, time * Math.Sqrt(sigma * sigma + epsilon * epsilon / time)));
    }
}

/// <summary>Operators as matrices.</summary>
internal static class MatrixOf
{
    /// <summary>The matrix of an operator on images in row-major order, in double precision, <c>[m, n]</c>.</summary>
    public static Tensor Operator(LinearOperator h)
    {
        using var scope = new Scope();
        using var noGrad = new NoGrad();
        var n = h.InputShape.Count;
        return scope.Keep(h.Apply(Tensor.Eye(n, DType.Float64).Reshape(h.InputShape.Batch(n))).Reshape(n, -1).Transpose(0, 1).Contiguous());
    }
}
