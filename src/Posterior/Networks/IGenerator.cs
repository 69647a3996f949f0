using Posterior.Torch;
using Posterior.Torch.Nn;

namespace Posterior.Networks;

/// <summary>A network that makes images from latent vectors, as the generator of a GAN does, out of operations that are recorded for differentiation.</summary>
public interface IGenerator
{
    /// <summary>The shape of a latent, without the batch; standard normal where the generator was trained.</summary>
    IReadOnlyList<long> LatentShape { get; }

    /// <summary>The weights.</summary>
    Module Network { get; }

    /// <summary>Makes images.</summary>
    /// <param name="latent"><c>[N, LatentShape]</c>.</param>
    /// <returns><c>[N, C, H, W]</c> in [-1, 1].</returns>
    Tensor Generate(Tensor latent);
}
