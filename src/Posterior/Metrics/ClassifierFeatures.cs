using Posterior.Imaging;
using Posterior.Networks.Features;
using Posterior.Torch;

namespace Posterior.Metrics;

/// <summary>The features of a classifier of small images, at the size that it was trained at: smaller and larger images show it things of another size, so they are refused.</summary>
/// <param name="network">The classifier; it stays the caller's.</param>
/// <param name="name">The name of the network.</param>
/// <param name="side">The height and width of its training images; null for any that it takes.</param>
public sealed class ClassifierFeatures(ResidualClassifier network, string name, int? side) : IImageFeatures
{
    /// <inheritdoc/>
    public string Name => name;

    /// <inheritdoc/>
    public int Count => network.FeatureCount;

    /// <inheritdoc/>
    public Tensor Of(Tensor unit)
    {
        var (height, width) = (unit.Size(2), unit.Size(3));
        if (side is { } trained && (height != trained || width != trained)) throw new ArgumentException($"the features of {name} are for images of {trained}x{trained}, these are {width}x{height}");
        if (height % network.SizeMultiple != 0 || width % network.SizeMultiple != 0) throw new ArgumentException($"the features of {name} are for images with sides that are multiples of {network.SizeMultiple}, these are {width}x{height}");
        using var scope = new Scope();
        using var noGrad = new NoGrad();
        return scope.Keep(network.Features(ValueRange.ToSigned(Colour.ToColour(unit).To(DType.Float32))));
    }
}
