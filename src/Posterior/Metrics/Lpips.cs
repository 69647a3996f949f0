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

    private readonly PerceptualBackbone _backbone;
    private readonly Tensor[] _weights;

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
        if (estimate.Rank != 4 || !estimate.Shape.SequenceEqual(truth.Shape)) throw new ArgumentException($"images to compare are of one shape [N, C, H, W], not {estimate} and {truth}");
        using var scope = new Scope();
        using var noGrad = new NoGrad();
        return Distance(Prepared(estimate), Prepared(truth)).Flatten().To(DType.Float64).ToArray<double>();

        static Tensor Prepared(Tensor unit) => ValueRange.ToSigned(Colour.ToColour(unit).To(DType.Float32));
    }

    /// <summary>The distance of images, differentiable.</summary>
    /// <param name="a"><c>[N, 3, H, W]</c> in [-1, 1].</param>
    /// <param name="b">The same shape.</param>
    /// <returns><c>[N, 1, 1, 1]</c>.</returns>
    public Tensor Distance(Tensor a, Tensor b)
    {
        using var scope = new Scope();
        var layers = Layers(a, b);
        var sum = layers[0].Mean([2, 3], keepDimensions: true);
        foreach (var layer in layers.Skip(1)) sum += layer.Mean([2, 3], keepDimensions: true);
        return scope.Keep(sum);
    }

    /// <summary>The weighted squared differences of each of the backbone's features, <c>[N, 1, h, w]</c>; their spatial means add up to <see cref="Distance"/>.</summary>
    /// <inheritdoc cref="Distance"/>
    public IReadOnlyList<Tensor> Layers(Tensor a, Tensor b)
    {
        using var scope = new Scope();
        var (shift, scale) = (Column(_shift, a.Device), Column(_scale, a.Device));
        var (first, second) = (_backbone.Forward((a - shift) / scale), _backbone.Forward((b - shift) / scale));
        return [.. first.Zip(second, (f, g) => (f, g)).Select((pair, k) => scope.Keep(((Normalised(pair.f) - Normalised(pair.g)).Square() * _weights[k].To(a.Device)).Sum([1], keepDimensions: true)))];
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
        _backbone.Dispose();
        foreach (var weight in _weights) weight.Dispose();
    }

    /// <summary>Features of unit length in each pixel.</summary>
    /// <param name="features"><c>[N, C, h, w]</c>.</param>
    internal static Tensor Normalised(Tensor features) => features / (features.Square().Sum([1], keepDimensions: true).Sqrt() + Epsilon);

    private static Tensor Column(double[] values, Device device) => Tensor.From(values, 1, values.Length, 1, 1).To(DType.Float32).To(device);
}
