using Posterior.Diffusion;
using Posterior.Networks.Adm;
using Posterior.Networks.Features;
using Posterior.Torch.Nn;
using Posterior.Torch.Weights;

namespace Posterior.Models;

/// <summary>Loads models: a weight file of any supported format, or the name of a shipped one, becomes an <see cref="ImagePredictor"/>.</summary>
public static class Model
{
    // What a network may have beyond its weights' file, in numbers: enough to tell which keys a small file lacks.
    private const long SpareElements = 1 << 26;

    /// <summary>Tells what a weight file holds without reading its values.</summary>
    /// <param name="pathOrName">A weight file, or the name of a shipped model.</param>
    /// <param name="options">What is known of it.</param>
    /// <exception cref="ModelException">The file is not found, or no architecture fits.</exception>
    /// <exception cref="WeightFileException">The file cannot be read.</exception>
    public static ModelIdentity Identify(string pathOrName, ModelOptions? options = null)
    {
        var path = ModelZoo.Find(pathOrName);
        using var file = WeightFile.Open(path);
        return Identify(file, path, options ?? new ModelOptions());
    }

    /// <summary>Loads a prior, or a model that only some solvers work with.</summary>
    /// <param name="pathOrName">A weight file, or the name of a shipped model.</param>
    /// <param name="options">What is known of it, and where it goes.</param>
    /// <exception cref="ModelException">The file is not found, no architecture fits, or the network is not what the card says.</exception>
    /// <exception cref="StateDictException">The weights do not fit the settings.</exception>
    /// <exception cref="WeightFileException">The file cannot be read.</exception>
    public static LoadedModel Load(string pathOrName, ModelOptions? options = null)
    {
        var (network, card, sha256) = LoadNetwork(pathOrName, options ?? new ModelOptions());
        try
        {
            return new LoadedModel(network, PredictorCatalogue.Adapt(network, card), card, sha256);
        }
        catch
        {
            network.Dispose();
            throw;
        }
    }

    /// <summary>Loads a classifier of noisy images.</summary>
    /// <inheritdoc cref="Load"/>
    public static LoadedClassifier LoadClassifier(string pathOrName, ModelOptions? options = null)
    {
        var (network, card, sha256) = LoadNetwork(pathOrName, options ?? new ModelOptions());
        if (network is AdmClassifier classifier) return new LoadedClassifier(classifier, ModelSchedules.Sigmas(card.Schedule!), card, sha256);
        network.Dispose();
        throw new ModelException($"{Path.GetFileName(pathOrName)}: expected a classifier of noisy images, found a {card.Network}");
    }

    /// <summary>Loads a classifier of clean images, for its features.</summary>
    /// <inheritdoc cref="Load"/>
    public static LoadedImageClassifier LoadImageClassifier(string pathOrName, ModelOptions? options = null)
    {
        var (network, card, sha256) = LoadNetwork(pathOrName, options ?? new ModelOptions());
        if (network is ResidualClassifier classifier) return new LoadedImageClassifier(classifier, card, sha256);
        network.Dispose();
        throw new ModelException($"{Path.GetFileName(pathOrName)}: expected a {NetworkCatalogue.ImageClassifier}, found a {card.Network}");
    }

    /// <summary>Adapts a network as its card says.</summary>
    /// <param name="network">The network, which stays the caller's.</param>
    /// <param name="card">Schedule, prediction and value range.</param>
    /// <exception cref="ModelException">The card has no schedule, or contradicts itself.</exception>
    public static Denoiser DenoiserOf(INoiseConditioned network, ModelCard card)
    {
        ArgumentNullException.ThrowIfNull(card);
        var schedule = card.Schedule ?? throw new ModelException($"the card of {card.Name ?? "the model"} states no schedule");
        Denoiser denoiser = ModelSchedules.Preconditioning(schedule) is { } scalings
            ? new EdmDenoiser(network, scalings, (schedule.SigmaMin ?? scalings.SigmaRange.Min, schedule.SigmaMax ?? scalings.SigmaRange.Max))
            : new VpDenoiser(network, ModelSchedules.Discrete(schedule), card.Prediction ?? Prediction.Epsilon);
        return card.ValueRange switch
        {
            null or [-1, 1] => denoiser,
            [var black, var white] when white > black => new RangeDenoiser(denoiser, black, white),
            _ => throw new ModelException($"the value range of {card.Name ?? "the model"} is [{string.Join(", ", card.ValueRange)}]: expected black below white"),
        };
    }

    private static ModelIdentity Identify(WeightFile file, string path, ModelOptions options)
    {
        var beside = ModelZoo.CardBeside(path);
        var card = options.Card is null ? beside : beside is null ? options.Card : options.Card.Over(beside) with { Settings = options.Card.Settings ?? beside.Settings };
        var identity = ModelIdentity.Of(file, card, options.Architecture);
        return identity with { Card = identity.Card with { Name = identity.Card.Name ?? Path.GetFileNameWithoutExtension(path) } };
    }

    private static (Module Network, ModelCard Card, string Sha256) LoadNetwork(string pathOrName, ModelOptions options)
    {
        var path = ModelZoo.Find(pathOrName);
        using var file = WeightFile.Open(path);
        var identity = Identify(file, path, options);
        var sha256 = file.Sha256();
        if (options.VerifyHash && identity.Card.Sha256 is { } stated && !stated.Equals(sha256, StringComparison.OrdinalIgnoreCase))
            throw new ModelException($"{Path.GetFileName(path)}: expected SHA-256 {stated} as its card states, found {sha256}");

        // A number takes a byte of a file or more. A network of other sizes than the weights is built and told by its keys; one out of all proportion to them is not.
        var network = identity.Kind.Build(identity.Card.Settings!, 4 * new FileInfo(path).Length + SpareElements);
        try
        {
            network.LoadState(file, identity.Prefix);
            network.To(options.DType);
            network.To(options.Device);
        }
        catch
        {
            network.Dispose();
            throw;
        }
        return (network, identity.Card with { Sha256 = sha256 }, sha256);
    }
}
