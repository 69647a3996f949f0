using Posterior.Diffusion;
using Posterior.Networks.Adm;
using Posterior.Networks.Features;
using Posterior.Torch.Nn;

namespace Posterior.Models;

/// <summary>A model in memory. Disposing it frees the network, after which the predictor cannot be used.</summary>
/// <param name="Network">The network.</param>
/// <param name="Predictor">The network in its role; a prior with classes is an <see cref="IClassConditional"/>.</param>
/// <param name="Card">What is known of it: the card, and what was inferred.</param>
/// <param name="Sha256">The hash of the weight file, 64 lowercase hexadecimal digits.</param>
public sealed record LoadedModel(Module Network, ImagePredictor Predictor, ModelCard Card, string Sha256) : IDisposable
{
    /// <summary>The network as a prior.</summary>
    /// <exception cref="ModelException">It is none.</exception>
    public Denoiser Denoiser => Predictor as Denoiser ?? throw new ModelException($"model '{Card.Name}' is no prior: it is {Predictor.Kind}");

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

/// <summary>A classifier of clean images in memory. Disposing it frees the network.</summary>
/// <param name="Network">The network.</param>
/// <param name="Card">What is known of it: the card, and what was inferred.</param>
/// <param name="Sha256">The hash of the weight file, 64 lowercase hexadecimal digits.</param>
public sealed record LoadedImageClassifier(ResidualClassifier Network, ModelCard Card, string Sha256) : IDisposable
{
    /// <summary>Frees the network.</summary>
    public void Dispose() => Network.Dispose();
}
