using Posterior.Operators;
using Posterior.Torch;

namespace Posterior.Diffusion;

/// <summary>A network as a <see cref="OneShotRestorer"/>: any height and width by mirrored borders, and the value range of its training. The network stays the caller's.</summary>
/// <param name="network">The network.</param>
/// <param name="input">What picture it was trained on.</param>
/// <param name="black">What it calls black.</param>
/// <param name="white">What it calls white.</param>
public sealed class NetworkRestorer(IRestorationNetwork network, RestorerInput input = RestorerInput.Picture, double black = 0, double white = 1) : OneShotRestorer
{
    /// <summary>The network.</summary>
    public IRestorationNetwork Network => network;

    /// <summary>What it was trained on; null where that is not known.</summary>
    public RestorerTraining? Trained { get; init; }

    /// <inheritdoc/>
    public override long? Channels => network.ImageChannels;

    /// <inheritdoc/>
    public override int Scale => network.Scale;

    /// <inheritdoc/>
    public override RestorerInput Input => input;

    // From [-1, 1] to the network's range.
    private double Contrast => (white - black) / 2;

    private double Middle => (white + black) / 2;

    /// <inheritdoc/>
    public override Tensor Restore(Tensor picture, double sigma)
    {
        using var scope = new Scope();
        return scope.Keep(Restore(picture, Tensor.Full([picture.Size(0)], sigma, device: picture.Device)));
    }

    /// <inheritdoc/>
    public override string? Warning(ForwardOperator h, double sigma) => Trained?.Warning(h, sigma);

    /// <summary>Restores pictures that have noise levels of their own, as in a training.</summary>
    /// <param name="picture"><c>[N, C, H, W]</c>, for images in [-1, 1].</param>
    /// <param name="sigmas">The noise of each, for images in [-1, 1], <c>[N]</c>.</param>
    /// <returns><c>[N, C, H Scale, W Scale]</c>.</returns>
    /// <exception cref="ArgumentException">The pictures have another number of channels.</exception>
    public Tensor Restore(Tensor picture, Tensor sigmas)
    {
        if (picture.Rank != 4 || picture.Size(1) != network.ImageChannels)
            throw new ArgumentException($"the network expects [N, {network.ImageChannels}, H, W], found {picture}", nameof(picture));
        using var scope = new Scope();
        var (height, width) = (picture.Size(2) * Scale, picture.Size(3) * Scale);
        var output = network.Restore(ImageBorder.Extend(picture * Contrast + Middle, network.SizeMultiple), sigmas * Contrast);
        if (output.Size(2) != height) output = output.Narrow(2, 0, height);
        if (output.Size(3) != width) output = output.Narrow(3, 0, width);
        return scope.Keep((output - Middle) * (1 / Contrast));
    }
}
