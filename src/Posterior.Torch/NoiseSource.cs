namespace Posterior.Torch;

/// <summary>
/// Every standard normal draw of a solver comes from here, image shaped, in the order of use. One source serves one batch;
/// each image of the batch has its own stream, so an image's noise does not depend on the batch that it is in.
/// </summary>
public abstract class NoiseSource
{
    /// <summary>The next draw.</summary>
    /// <param name="shape">The shape; the first dimension counts the images of the batch.</param>
    /// <param name="dtype"><see cref="DType.Float32"/> or <see cref="DType.Float64"/>.</param>
    /// <param name="device">Where the result lives; the values do not depend on it.</param>
    /// <returns>Independent standard normal numbers.</returns>
    public abstract Tensor Normal(ReadOnlySpan<long> shape, DType dtype = DType.Float32, Device device = default);

    /// <summary>The next draw, of another tensor's shape, type and device.</summary>
    public Tensor NormalLike(Tensor tensor) => Normal(tensor.Shape, tensor.DType, tensor.Device);
}
