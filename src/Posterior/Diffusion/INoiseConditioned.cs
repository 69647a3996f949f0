using Posterior.Imaging;
using Posterior.Torch;

namespace Posterior.Diffusion;

/// <summary>A raw network whose input is an image, a number that tells its noise level, and perhaps a class.</summary>
public interface INoiseConditioned : IImageNetwork
{
    /// <summary>The number of classes; 0 for an unconditional network.</summary>
    int Classes { get; }

    /// <summary>The label of a noise level in models of a degradation: sigma for images in [0, 1], as in the published ones, unless the network's own terms are others.</summary>
    /// <param name="sigma">The noise level, for images in [0, 1].</param>
    double LabelOf(UnitSigma sigma) => sigma.Value;

    /// <summary>Evaluates the network.</summary>
    /// <param name="x">Scaled noisy images, <c>[N, C, H, W]</c>.</param>
    /// <param name="noiseLabel">What tells the noise level in the network's own terms (ln(sigma) / 4 in EDM), <c>[N]</c>.</param>
    /// <param name="labels">The class of each image, Int64 <c>[N]</c>; null, or a value of <see cref="Classes"/>, for none.</param>
    /// <returns>The raw output, <c>[N, C, H, W]</c>.</returns>
    Tensor Forward(Tensor x, Tensor noiseLabel, Tensor? labels = null);
}
