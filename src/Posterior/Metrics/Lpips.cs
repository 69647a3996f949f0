using Posterior.Imaging;
using Posterior.Networks.Features;
using Posterior.Torch;

namespace Posterior.Metrics;

/// <summary>
/// Learned perceptual image patch similarity, version 0.1 (Zhang, Isola, Efros, Shechtman, Wang 2018, Eq. 1): the distance of unit-normalised features of a
/// classifier, weighted for each channel by what people found different.
/// </summary>
public sealed class Lpips : IMetric, IDisposable
{
    private const double Epsilon = 1e-10;

    // The statistics of the backbones' training images, for images in [-1, 1].
    private static readonly double[] _shift = [-0.030, -0.088, -0.188], _scale = [0.458, 0.448, 0.450];

    // Features of an original are kept for the next restoration of it, unless they are larger than this many bytes.
    private const long MostKept = 64 << 20;

    private readonly PerceptualBackbone _backbone;
    private readonly Tensor[] _weights;
    private readonly Lock _lock = new();
    private (Tensor Image, IReadOnlyList<Tensor> Features)? _kept;

    /// <summary>A distance on the features of a backbone.</summary>
    /// <param name="backbone">With its weights; it is disposed with this.</param>
    /// <param name="linear">The published linear layers, <c>linK.model.1.weight</c> of shape <c>[1, width, 1, 1]</c>. They stay the caller's.</param>
    /// <exception cref="ArgumentException">A layer is missing or of another shape.</exception>
    public Lpips(PerceptualBackbone backbone, IReadOnlyDictionary<string, Tensor> linear)
    {
        _backbone = backbone;
        _weights = [.. backbone.Widths.Select((width, k) => linear.TryGetValue($"lin{k}.model.1.weight", out var weight) && weight.Shape.SequenceEqual([1, width, 1, 1])
            ? weight.To(DType.Float32).Clone().Own()
            : throw new ArgumentException($"the linear layers of LPIPS on {backbone.Name}: expected lin{k}.model.1.weight [1, {width}, 1, 1], found {(weight is null ? "none" : weight.ToString())}"))];
    }

    /// <inheritdoc/>
    public string Name => "lpips-" + _backbone.Name;

    /// <inheritdoc/>
    public string Unit => "";

    /// <inheritdoc/>
    public bool HigherIsBetter => false;

    /// <inheritdoc/>
    public double[] Compare(Tensor estimate, Tensor truth)
    {
        ImagePair.Check(estimate, truth);
        if (Math.Min(truth.Size(2), truth.Size(3)) < _backbone.LeastSide) throw new ArgumentException($"images for {Name} have sides of {_backbone.LeastSide} or more, not {truth.Size(2)}x{truth.Size(3)}");
        using var scope = new Scope();
        using var noGrad = new NoGrad();
        var features = Features(Prepared(estimate));
        lock (_lock) return Sum(Differences(features, FeaturesOfTruth(Prepared(truth)))).Flatten().To(DType.Float64).ToArray<double>();

        static Tensor Prepared(Tensor unit) => ValueRange.ToSigned(Colour.ToColour(unit).To(DType.Float32));
    }

    /// <summary>The distance of images, differentiable.</summary>
    /// <param name="a"><c>[N, 3, H, W]</c> in [-1, 1].</param>
    /// <param name="b">The same shape.</param>
    /// <returns><c>[N, 1, 1, 1]</c>.</returns>
    public Tensor Distance(Tensor a, Tensor b)
    {
        using var scope = new Scope();
        return scope.Keep(Sum(Layers(a, b)));
    }

    /// <summary>The weighted squared differences of each of the backbone's features, <c>[N, 1, h, w]</c>; their spatial means add up to <see cref="Distance"/>.</summary>
    /// <inheritdoc cref="Distance"/>
    public IReadOnlyList<Tensor> Layers(Tensor a, Tensor b)
    {
        using var scope = new Scope();
        return [.. Differences(Features(a), Features(b)).Select(layer => scope.Keep(layer))];
    }

    /// <summary>Where images differ: the layers' maps, enlarged to the images' size and added.</summary>
    /// <returns><c>[N, 1, H, W]</c>.</returns>
    /// <inheritdoc cref="Distance"/>
    public Tensor Map(Tensor a, Tensor b)
    {
        using var scope = new Scope();
        var layers = Layers(a, b).Select(layer => layer.UpsampleBilinear(a.Size(2), a.Size(3))).ToArray();
        var sum = layers[0];
        foreach (var layer in layers.Skip(1)) sum += layer;
        return scope.Keep(sum);
    }

    /// <summary>Frees the weights.</summary>
    public void Dispose()
    {
        Forget();
        _backbone.Dispose();
        foreach (var weight in _weights) weight.Dispose();
    }

    /// <summary>Features of unit length in each pixel.</summary>
    /// <param name="features"><c>[N, C, h, w]</c>.</param>
    internal static Tensor Normalised(Tensor features) => features / (features.Square().Sum([1], keepDimensions: true).Sqrt() + Epsilon);

    private static Tensor Sum(IEnumerable<Tensor> layers) => layers.Select(layer => layer.Mean([2, 3], keepDimensions: true)).Aggregate((sum, layer) => sum + layer);

    private Tensor[] Features(Tensor signed)
    {
        var (shift, scale) = (Column(_shift, signed.Device), Column(_scale, signed.Device));
        return [.. _backbone.Forward((signed - shift) / scale).Select(Normalised)];
    }

    private IEnumerable<Tensor> Differences(IReadOnlyList<Tensor> first, IReadOnlyList<Tensor> second) =>
        first.Zip(second, (f, g) => f - g).Select((difference, k) => (difference.Square() * _weights[k].To(difference.Device)).Sum([1], keepDimensions: true));

    // An experiment compares all methods with the same original, one after the other.
    private IReadOnlyList<Tensor> FeaturesOfTruth(Tensor truth)
    {
        if (_kept is { } kept && kept.Image.Device == truth.Device && kept.Image.Shape.SequenceEqual(truth.Shape) && kept.Image.Equal(truth).All()) return kept.Features;
        Forget();
        var features = Features(truth);
        if (features.Sum(feature => feature.Count) * sizeof(float) > MostKept) return features;
        var own = features.Select(feature => feature.Own()).ToArray();
        _kept = (truth.Clone().Own(), own);
        return own;
    }

    private void Forget()
    {
        if (_kept is not { } kept) return;
        _kept = null;
        kept.Image.Dispose();
        foreach (var feature in kept.Features) feature.Dispose();
    }

    private static Tensor Column(double[] values, Device device) => Tensor.From(values, 1, values.Length, 1, 1).To(DType.Float32).To(device);
}
