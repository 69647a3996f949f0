using Posterior.Networks;
using Posterior.Torch;

namespace Posterior.Diffusion;

/// <summary>
/// What the adapters of networks share: any height and width by mirrored borders where the network needs multiples, and bound class labels.
/// The network stays the caller's.
/// </summary>
public abstract class NetworkDenoiser : Denoiser
{
    private readonly long[]? _labels;

    private protected NetworkDenoiser(IDiffusionNetwork network, long[]? labels)
    {
        ArgumentNullException.ThrowIfNull(network);
        if (labels is not null && network.ClassCount == 0) throw new ArgumentException("the network is unconditional: it takes no class labels", nameof(labels));
        if (labels is { Length: 0 }) throw new ArgumentException("expected a class label, found none", nameof(labels));
        foreach (var label in labels ?? [])
            if (label < 0 || label >= network.ClassCount)
                throw new ArgumentException($"class labels go from 0 to {network.ClassCount - 1}, found {label}", nameof(labels));
        (Network, _labels) = (network, labels?.ToArray());
    }

    /// <summary>The network.</summary>
    public IDiffusionNetwork Network { get; }

    /// <summary>The number of classes; 0 for an unconditional network.</summary>
    public int ClassCount => Network.ClassCount;

    /// <inheritdoc/>
    public override long? Channels => Network.InputChannels;

    /// <summary>Evaluates the network at one time for the whole batch.</summary>
    /// <param name="input">Scaled images, <c>[N, C, H, W]</c>, any height and width.</param>
    /// <param name="time">The conditioning scalar.</param>
    /// <returns>The first C output channels: a learned variance is left out.</returns>
    private protected Tensor Evaluate(Tensor input, double time)
    {
        if (input.Rank != 4 || input.Size(1) != Network.InputChannels)
            throw new ArgumentException($"the network expects [N, {Network.InputChannels}, H, W], found {input}", nameof(input));
        using var scope = new Scope();
        var (batch, height, width) = (input.Size(0), input.Size(2), input.Size(3));
        var output = Network.Forward(Pad(input), Tensor.Full([batch], time, device: input.Device), Labels(batch, input.Device));
        if (output.Size(1) != input.Size(1)) output = output.Narrow(1, 0, input.Size(1));
        if (output.Size(2) != height) output = output.Narrow(2, 0, height);
        if (output.Size(3) != width) output = output.Narrow(3, 0, width);
        return scope.Keep(output);
    }

    private Tensor Pad(Tensor x)
    {
        var multiple = Network.SizeMultiple;
        var (bottom, right) = (Missing(x.Size(2)), Missing(x.Size(3)));
        if (bottom == 0 && right == 0) return x;

        // A mirror needs more pixels than it adds; a strip that is narrower repeats its edge.
        var mirrored = bottom < x.Size(2) && right < x.Size(3);
        return x.Pad([0, right, 0, bottom], mirrored ? "reflect" : "replicate");

        long Missing(long size) => (multiple - size % multiple) % multiple;
    }

    private Tensor? Labels(long batch, Device device)
    {
        if (_labels is null) return null;
        if (_labels.Length != 1 && _labels.Length != batch)
            throw new ArgumentException($"expected one class label or one for each of {batch} images, found {_labels.Length}");
        return Tensor.From(_labels, _labels.Length).To(device).Expand(batch);
    }
}
