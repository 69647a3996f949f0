using Posterior.Networks;
using Posterior.Torch;
using Posterior.Torch.Nn;

namespace Posterior.Diffusion;

/// <summary>A network with EDM's scalings as a denoiser.</summary>
public sealed class EdmDenoiser : Denoiser, IClassConditional
{
    private readonly INoiseConditioned _network;
    private readonly EdmPreconditioning _scalings;
    private readonly long[]? _labels;

    /// <summary>Wraps a network; the network stays the caller's.</summary>
    /// <param name="network">The raw network <c>F</c>.</param>
    /// <param name="scalings">Its scalings.</param>
    /// <param name="sigmaRange">The noise levels of its training.</param>
    /// <param name="labels">One class for all images of a batch, or one for each; null for none.</param>
    public EdmDenoiser(INoiseConditioned network, EdmPreconditioning scalings, (double Min, double Max) sigmaRange, long[]? labels = null)
    {
        (_network, _scalings, SigmaRange, _labels) = (network, scalings, sigmaRange, labels);
    }

    /// <inheritdoc/>
    public override long? Channels => _network.ImageChannels;

    /// <inheritdoc/>
    public override (double Min, double Max) SigmaRange { get; }

    /// <inheritdoc/>
    public int Classes => _network.Classes;

    /// <inheritdoc/>
    public Denoiser WithLabels(params long[] labels) => new EdmDenoiser(_network, _scalings, SigmaRange, labels);

    /// <inheritdoc/>
    public override Tensor Denoise(Tensor x, double sigma)
    {
        using var scope = new Scope();
        // Below the range of training the network sees its lowest level; c_skip then returns nearly all of x.
        var level = Math.Max(sigma, 1e-4);
        var n = x.Size(0);
        var label = Tensor.Full([n], _scalings.CNoise(level), DType.Float32, x.Device);
        var type = ((Module)_network).DType;
        var output = _network.Forward((x * _scalings.CIn(level)).To(type), label, Labels(n, x.Device)).To(x.DType);
        return scope.Keep((x * _scalings.CSkip(level)).AddScaled(output, _scalings.COut(level)));
    }

    private Tensor? Labels(long n, Device device)
    {
        if (_network.Classes == 0) return null;
        var labels = _labels switch
        {
            null => Enumerable.Repeat((long)_network.Classes, (int)n).ToArray(),
            [var one] => Enumerable.Repeat(one, (int)n).ToArray(),
            _ => _labels,
        };
        return Tensor.From(labels, n).To(device);
    }
}
