using Posterior.Diffusion;
using Posterior.Networks.Adm;
using Posterior.Torch.Nn;

namespace Posterior.Models;

/// <summary>A prior in memory. Disposing it frees the network, after which the denoiser cannot be used.</summary>
/// <param name="Network">The network.</param>
/// <param name="Denoiser">The network as a prior; an <see cref="IClassConditional"/> when it has classes.</param>
/// <param name="Card">What is known of it: the card, and what was inferred.</param>
/// <param name="Sha256">The hash of the weight file, 64 lowercase hexadecimal digits.</param>
public sealed record LoadedModel(Module Network, Denoiser Denoiser, ModelCard Card, string Sha256) : IDisposable
{
    /// <summary>Frees the network.</summary>
    public void Dispose() => Network.Dispose();
}

/// <summary>A classifier of noisy images in memory. Disposing it frees the network.</summary>
/// <param name="Network">The network.</param>
/// <param name="Sigmas">The noise level of each timestep.</param>
/// <param name="Card">What is known of it: the card, and what was inferred.</param>
/// <param name="Sha256">The hash of the weight file, 64 lowercase hexadecimal digits.</param>
public sealed record LoadedClassifier(AdmClassifier Network, IReadOnlyList<double> Sigmas, ModelCard Card, string Sha256) : IDisposable
{
    /// <summary>The gradient towards given classes.</summary>
    /// <param name="labels">One class for all images of a batch, or one for each.</param>
    /// <exception cref="ArgumentException">A class does not exist.</exception>
    public NoisyClassifier For(params long[] labels) => new(Network, Sigmas, labels);

    /// <summary>Frees the network.</summary>
    public void Dispose() => Network.Dispose();
}
