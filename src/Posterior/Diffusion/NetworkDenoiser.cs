using Posterior.Torch;

namespace Posterior.Diffusion;

/// <summary>
/// What the adapters of networks share: any height and width by mirrored borders where the network needs multiples, and bound class labels.
/// The network stays the caller's.
/// </summary>
public abstract class NetworkDenoiser : Denoiser, IClassConditional
{
    private readonly long[]? _labels;

    private protected NetworkDenoiser(INoiseConditioned network, long[]? labels)
    {
        ArgumentNullException.ThrowIfNull(network);
        if (labels is not null && network.Classes == 0) throw new ArgumentException("the network is unconditional: it takes no class labels", nameof(labels));
        if (labels is { Length: 0 }) throw new ArgumentException("expected a class label, found none", nameof(labels));
        foreach (var label in labels ?? [])
            if (label < 0 || label >= network.Classes)
                throw new ArgumentException($"class labels go from 0 to {network.Classes - 1}, found {label}", nameof(labels));
        (Network, _labels) = (network, labels?.ToArray());
    }

    /// <summary>The network.</summary>
    public INoiseConditioned Network { get; }

    /// <inheritdoc/>
    public int Classes => Network.Classes;

    /// <inheritdoc/>
    public override long? Channels => Network.ImageChannels;

    /// <inheritdoc/>
    /// <exception cref="ArgumentException">A class does not exist, or there is none.</exception>
    public abstract Denoiser WithLabels(params long[] labels);

    /// <summary>Evaluates the network at one noise label for the whole batch.</summary>
    /// <param name="input">Scaled images, <c>[N, C, H, W]</c>, any height and width.</param>
    /// <param name="noiseLabel">The conditioning scalar.</param>
    /// <returns>The first C output channels, of the type of the input: a learned variance is left out.</returns>
    private protected Tensor Evaluate(Tensor input, double noiseLabel)
    {
        using var scope = new Scope();
        var output = EvaluateAll(input, noiseLabel);
        return scope.Keep(output.Size(1) == input.Size(1) ? output : output.Narrow(1, 0, input.Size(1)));
    }

    /// <summary>All output channels; see <see cref="Evaluate"/>.</summary>
    private protected Tensor EvaluateAll(Tensor input, double noiseLabel)
    {
        if (input.Rank != 4 || input.Size(1) != Network.ImageChannels)
            throw new ArgumentException($"the network expects [N, {Network.ImageChannels}, H, W], found {input}", nameof(input));
        using var scope = new Scope();
        ThreadShare.Pass();
        var (batch, height, width) = (input.Size(0), input.Size(2), input.Size(3));
        var output = Network.Forward(ImageBorder.Extend(input, Network.SizeMultiple), Tensor.Full([batch], noiseLabel, device: input.Device), Labels(batch, input.Device));
        if (output.Size(2) != height) output = output.Narrow(2, 0, height);
        if (output.Size(3) != width) output = output.Narrow(3, 0, width);
        return scope.Keep(output.To(input.DType));
    }

    private Tensor? Labels(long batch, Device device)
    {
        if (_labels is null) return null;
        if (_labels.Length != 1 && _labels.Length != batch)
            throw new ArgumentException($"expected one class label or one for each of {batch} images, found {_labels.Length}");
        return Tensor.From(_labels, _labels.Length).To(device).Expand(batch);
    }
}
