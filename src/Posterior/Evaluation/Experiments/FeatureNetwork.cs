using Posterior.Metrics;
using Posterior.Models;
using Posterior.Networks.Features;
using Posterior.Torch;
using Posterior.Torch.Weights;

namespace Posterior.Evaluation.Experiments;

/// <summary>A network whose features compare sets of images, with its weights in memory.</summary>
public sealed class FeatureNetwork : IDisposable
{
    private const string ShippedSuffix = "-classifier";

    private readonly IDisposable _network;

    private FeatureNetwork(IImageFeatures features, IDisposable network, string sha256, FeatureDistance? distance = null) => (Features, _network, Sha256, Distance) = (features, network, sha256, distance);

    /// <summary>The features.</summary>
    public IImageFeatures Features { get; }

    /// <summary>How far single images are apart for it; null where the network is no classifier of this project.</summary>
    public FeatureDistance? Distance { get; }

    /// <summary>The hash of the weight file: features of other weights are other features.</summary>
    public string Sha256 { get; }

    /// <summary>Whether a network is shipped: as the model <c>NAME-classifier</c>.</summary>
    public static bool IsShipped(string name) => ModelZoo.Names.Contains(name + ShippedSuffix);

    /// <summary>How to get a network that is not at hand, in words.</summary>
    public static string Files(string name) => name == SetMetric.Inception
        ? "the Inception-v3 of the FID (pt_inception-2015-12-05-6726825d.pth)"
        : $"a classifier of 'posterior train --task classifier'{Spelling.Suggest(name, ModelZoo.Names.Where(model => model.EndsWith(ShippedSuffix, StringComparison.Ordinal)).Select(model => model[..^ShippedSuffix.Length]))}";

    /// <summary>Reads a network.</summary>
    /// <param name="name"><c>inception</c>, or another name.</param>
    /// <param name="path">The weight file; null for a shipped one.</param>
    /// <exception cref="ModelException">There is no such network, or the file holds another one.</exception>
    /// <exception cref="WeightFileException">The file cannot be read.</exception>
    /// <exception cref="Torch.Nn.StateDictException">Weights are missing or of another shape.</exception>
    public static FeatureNetwork Load(string name, string? path)
    {
        if (name == SetMetric.Inception) return Inception(path ?? throw new ModelException($"expected a weight file of {Files(name)}"));
        var classifier = Model.LoadImageClassifier(path ?? name + ShippedSuffix);
        return new(new ClassifierFeatures(classifier.Network, name, classifier.Card.NativeSize), classifier, classifier.Sha256, new(classifier.Network, name));
    }

    /// <summary>Frees the weights.</summary>
    public void Dispose() => _network.Dispose();

    private static FeatureNetwork Inception(string path)
    {
        var network = new InceptionV3();
        try
        {
            using var scope = new Scope();
            using var file = WeightFile.Open(path);
            network.LoadState(file.LoadAll().Where(pair => !InceptionV3.IsUnused(pair.Key)).ToDictionary());
            return new(new InceptionFeatures(network), network, file.Sha256());
        }
        catch
        {
            network.Dispose();
            throw;
        }
    }
}
