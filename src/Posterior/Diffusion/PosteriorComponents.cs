using Posterior.Imaging;
using Posterior.Operators;
using Posterior.Torch;

namespace Posterior.Diffusion;

/// <summary>Mean and principal directions of a posterior (NPPC, Nehme, Yair, Michaeli 2023).</summary>
/// <param name="Mean">The posterior mean, <c>[N, C, H, W]</c>.</param>
/// <param name="Directions">K orthogonal directions, <c>[N, K, C, H, W]</c>: each is as long as the posterior's standard deviation along it.</param>
public sealed record PrincipalComponents(Tensor Mean, Tensor Directions)
{
    /// <summary>The standard deviation along each direction, of the vector of all pixels in [-1, 1], <c>[N, K]</c>; made anew.</summary>
    public Tensor Deviations()
    {
        using var scope = new Scope();
        return scope.Keep(Directions.Flatten(2).Norm([2]));
    }

    /// <summary>Images along one direction: the mean plus multiples of it.</summary>
    /// <param name="direction">Which one.</param>
    /// <param name="deviations">How far, in standard deviations.</param>
    /// <returns>One tensor <c>[N, C, H, W]</c> for each.</returns>
    public IReadOnlyList<Tensor> Walk(int direction, params ReadOnlySpan<double> deviations)
    {
        using var scope = new Scope();
        var (along, images) = (Directions.Select(1, direction), new List<Tensor>());
        foreach (var far in deviations) images.Add(scope.Keep(Mean.AddScaled(along, far)));
        return images;
    }

    /// <summary>
    /// What a measurement without noise leaves of them: the mean is put in agreement with it, and of the normal distribution that the directions span, <c>sum_k w_k w_k^T</c>, the part that the
    /// operator does not see, <c>(I - H^+ H) w_k</c>, is turned to its principal axes again.
    /// </summary>
    /// <param name="h">The operator.</param>
    /// <param name="y">The measurement of each image.</param>
    /// <returns>As many directions, the longest first.</returns>
    public PrincipalComponents Given(LinearOperator h, Tensor y)
    {
        using var scope = new Scope();
        var (n, count) = (Directions.Size(0), Directions.Size(1));
        var mean = h.Project(Mean, y);
        if (count == 0) return new(scope.Keep(mean), Directions);
        var images = Directions.Flatten(0, 1);
        var unseen = (images - h.PseudoInverse(h.Apply(images))).Reshape(n, count, -1);
        // The axes of W^T W are those of the small matrix W W^T.
        var (_, vectors) = unseen.MatMul(unseen.Transpose(1, 2)).To(DType.Float64).SymmetricEigen();
        var turned = vectors.To(unseen.DType).Transpose(1, 2).MatMul(unseen);
        return new(scope.Keep(mean), scope.Keep(turned.Flip([1]).Reshape(Directions.Shape)));
    }

    /// <summary>Directions made orthogonal (Gram-Schmidt), not normalised: each loses its projections on the earlier normalised ones, which are constants for differentiation.</summary>
    /// <param name="raw">A network's output, <c>[N, K, C, H, W]</c>.</param>
    /// <returns>The same shape.</returns>
    public static Tensor Orthogonalise(Tensor raw)
    {
        const double LeastLength = 1e-30;
        using var scope = new Scope();
        var flat = raw.Flatten(2);
        List<Tensor> directions = [], normalised = [];
        for (var k = 0; k < raw.Size(1); k++)
        {
            var w = flat.Select(1, k);
            foreach (var earlier in normalised) w -= earlier * (w * earlier).Sum([1], keepDimensions: true);
            directions.Add(w);
            var fixedLength = w.Detach();
            // A direction of no length stays none.
            normalised.Add(fixedLength / fixedLength.Norm([1], keepDimensions: true).Clamp(LeastLength, null));
        }
        return scope.Keep(Tensor.Stack([.. directions], 1).Reshape(raw.Shape));
    }
}

/// <summary>
/// A network that gives the mean of a posterior and its principal directions in one evaluation (InvFussion Sec. 3.1, Eq. 9, and Sec. 5): it sees the measurement, and
/// zeros where a denoiser sees a noisy image. Its first output image is the mean, the others are the directions. The network stays the caller's.
/// </summary>
/// <param name="network">The raw network; it must take a measurement.</param>
/// <param name="size">Height and width of the images of its training; null when any will do.</param>
public sealed class PosteriorComponentsModel(IMeasurementConditioned network, (long Height, long Width)? size = null) : ImagePredictor
{
    /// <inheritdoc/>
    public override long? Channels => network.ImageChannels;

    /// <inheritdoc/>
    public override string Kind => "a model of posterior components";

    /// <summary>What the card says the model was trained on; null when it does not.</summary>
    public TrainedDegradations? Trained { get; init; }

    /// <inheritdoc/>
    public override string? Warning(ForwardOperator h, double sigma) => Trained?.Warning(h, sigma);

    /// <summary>The raw output, with its autograd history: the mean and directions that are not orthogonal yet.</summary>
    /// <param name="measured">The measurements with their operators.</param>
    public (Tensor Mean, Tensor RawDirections) Raw(MeasuredBatch measured)
    {
        using var scope = new Scope();
        var (n, c) = (measured.Y.Size(0), (long)network.ImageChannels);
        var output = network.Forward(measured.PseudoInverse.ZerosLike(), Tensor.Zeros([n], device: measured.Y.Device), measured).To(measured.Y.DType);
        var images = output.Reshape(n, -1, c, output.Size(2), output.Size(3));
        return (scope.Keep(images.Select(1, 0)), scope.Keep(images.Narrow(1, 1, images.Size(1) - 1)));
    }

    /// <summary>The components of a batch of measurements.</summary>
    /// <param name="operators">The operator of each.</param>
    /// <param name="y"><c>[N, Rows]</c>.</param>
    /// <exception cref="OperatorException">The operators are for images that the model does not take.</exception>
    public PrincipalComponents Of(OperatorBatch operators, Tensor y)
    {
        var shape = operators.InputShape;
        var (height, width) = size ?? (shape.Height, shape.Width);
        if (shape != new ImageShape(network.ImageChannels, height, width)) throw new OperatorException($"the model is for images of {network.ImageChannels}x{height}x{width}, the operator for {shape}");
        using var scope = new Scope();
        var (mean, raw) = Raw(new MeasuredBatch(operators, y));
        return new(scope.Keep(mean), scope.Keep(raw.Size(1) == 0 ? raw : PrincipalComponents.Orthogonalise(raw)));
    }
}
