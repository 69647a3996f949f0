using Posterior.Torch;

namespace Posterior.Diffusion;

/// <summary>A raw network that maps pictures to better pictures in one evaluation, in the value range of its training ([0, 1] for the published ones).</summary>
public interface IRestorationNetwork : IImageNetwork
{
    /// <summary>Height and width of the result as a multiple of those of the input: 1, except for super-resolution.</summary>
    int Scale { get; }

    /// <summary>Whether the network is told the noise level.</summary>
    bool TakesNoiseLevel { get; }

    /// <summary>Restores pictures.</summary>
    /// <param name="x"><c>[N, C, H, W]</c> in the range of the network's training.</param>
    /// <param name="noiseLevels">The standard deviation of the noise of each picture in the units of <paramref name="x"/>, <c>[N]</c>; without effect where the network does not take it.</param>
    /// <returns><c>[N, C, H Scale, W Scale]</c>, of the type of <paramref name="x"/>.</returns>
    Tensor Restore(Tensor x, Tensor noiseLevels);
}
