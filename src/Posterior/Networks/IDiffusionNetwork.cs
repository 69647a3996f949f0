using Posterior.Torch;

namespace Posterior.Networks;

/// <summary>
/// What an adapter needs to know of a network that maps a noisy image and a time (or noise level) to an image: its sizes and one call.
/// </summary>
public interface IDiffusionNetwork
{
    /// <summary>The channels of the images that go in.</summary>
    long InputChannels { get; }

    /// <summary>The channels that come out: more than <see cref="InputChannels"/> when a variance was learned too.</summary>
    long OutputChannels { get; }

    /// <summary>The number of classes that the network can be told; 0 for an unconditional one.</summary>
    int ClassCount { get; }

    /// <summary>What height and width must be multiples of.</summary>
    long SizeMultiple { get; }

    /// <summary>The height and width of the training images; null when it is not known.</summary>
    long? NativeSize { get; }

    /// <summary>The network as published: no scaling around it.</summary>
    /// <param name="x">Images, <c>[N, InputChannels, H, W]</c>.</param>
    /// <param name="time">The conditioning scalar of each image, <c>[N]</c>: a timestep, a noise label; the adapter knows which.</param>
    /// <param name="labels">The class of each image, Int64 <c>[N]</c>; null for none.</param>
    /// <returns><c>[N, OutputChannels, H, W]</c>, of the type of <paramref name="x"/>.</returns>
    /// <exception cref="ArgumentException">A size does not fit, or labels are missing or not expected.</exception>
    Tensor Forward(Tensor x, Tensor time, Tensor? labels = null);
}
