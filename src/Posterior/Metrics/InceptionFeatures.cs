using Posterior.Imaging;
using Posterior.Networks.Features;
using Posterior.Torch;

namespace Posterior.Metrics;

/// <summary>The features that FID and KID are defined on: images resized to 299 x 299 (bilinear, half-pixel centres, no antialiasing), Inception's pooled features.</summary>
/// <param name="network">Inception-v3 with the weights of the FID; it stays the caller's.</param>
public sealed class InceptionFeatures(InceptionV3 network) : IImageFeatures
{
    private const long Side = 299;

    /// <inheritdoc/>
    public string Name => "inception";

    /// <inheritdoc/>
    public int Count => InceptionV3.Features;

    /// <inheritdoc/>
    public Tensor Of(Tensor unit)
    {
        using var scope = new Scope();
        using var noGrad = new NoGrad();
        return scope.Keep(network.Forward(ValueRange.ToSigned(Colour.ToColour(unit).To(DType.Float32).UpsampleBilinear(Side, Side))));
    }
}
