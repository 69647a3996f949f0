using Posterior.Torch;

namespace Posterior.Metrics;

/// <summary>Features of images by a network, for distances between sets of images.</summary>
public interface IImageFeatures
{
    /// <summary>The name of the network, which the distances on it carry.</summary>
    string Name { get; }

    /// <summary>The number of features of an image.</summary>
    int Count { get; }

    /// <summary>The features of images.</summary>
    /// <param name="unit"><c>[N, 1 or 3, H, W]</c> in [0, 1]; grey is repeated.</param>
    /// <returns><c>[N, Count]</c>, Float32.</returns>
    /// <exception cref="ArgumentException">The network does not take images of this size.</exception>
    Tensor Of(Tensor unit);
}
