using Posterior.Diffusion;
using Posterior.Torch;

namespace Posterior.Training;

/// <summary>The training loss of EDM (Karras et al. 2022, Eq. 8): the squared error of <c>D</c> weighted by 1 / c_out^2, as the squared error of <c>F</c>.</summary>
/// <param name="scalings">The scalings of the network.</param>
public sealed class EdmLoss(EdmPreconditioning scalings)
{
    /// <summary>The mean squared error of the raw network for each image.</summary>
    /// <param name="network">The raw network <c>F</c>.</param>
    /// <param name="clean">Clean images, <c>[N, C, H, W]</c> in [-1, 1].</param>
    /// <param name="sigmas">The noise level of each image.</param>
    /// <param name="noise">Standard normal noise of the images' shape.</param>
    /// <param name="labels">The class of each image, Int64 <c>[N]</c>, or null.</param>
    /// <returns><c>[N]</c>, with its autograd history.</returns>
    public Tensor Evaluate(INoiseConditioned network, Tensor clean, ReadOnlySpan<double> sigmas, Tensor noise, Tensor? labels = null) =>
        Evaluate((x, noiseLabel) => network.Forward(x, noiseLabel, labels), clean, sigmas, noise);

    /// <summary>The mean squared error of a raw network with conditions of its own for each image.</summary>
    /// <param name="network"><c>F</c> of scaled images <c>[N, C, H, W]</c> and noise labels <c>[N]</c>.</param>
    /// <param name="clean">Clean images, <c>[N, C, H, W]</c> in [-1, 1].</param>
    /// <param name="sigmas">The noise level of each image.</param>
    /// <param name="noise">Standard normal noise of the images' shape.</param>
    /// <returns><c>[N]</c>, with its autograd history.</returns>
    public Tensor Evaluate(Func<Tensor, Tensor, Tensor> network, Tensor clean, ReadOnlySpan<double> sigmas, Tensor noise)
    {
        using var scope = new Scope();
        var noisy = clean.AddProduct(noise, PerImage.Of(sigmas, sigma => sigma, clean));
        var input = noisy * PerImage.Of(sigmas, scalings.CIn, clean);
        // D = c_skip x + c_out F is right when F = (clean - c_skip x) / c_out.
        var target = clean.AddProduct(noisy, PerImage.Of(sigmas, scalings.CSkip, clean), -1) * PerImage.Of(sigmas, sigma => 1 / scalings.COut(sigma), clean);
        var output = network(input, PerImage.Of(sigmas, scalings.CNoise, clean).Flatten());
        return scope.Keep((output.To(target.DType) - target).Square().Mean([1, 2, 3]));
    }
}
