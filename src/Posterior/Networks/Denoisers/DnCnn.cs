using Posterior.Diffusion;
using Posterior.Torch;
using Posterior.Torch.Nn;

namespace Posterior.Networks.Denoisers;

/// <summary>The settings of a <see cref="DnCnn"/>, named as the arguments of its published constructor.</summary>
public sealed record DnCnnSettings
{
    /// <summary>Channels of the images.</summary>
    public int InNc { get; init; } = 1;

    /// <summary>Channels of the result, those of the images.</summary>
    public int OutNc { get; init; } = 1;

    /// <summary>Channels inside.</summary>
    public int Nc { get; init; } = 64;

    /// <summary>The number of convolutions: 17 for one noise level, 20 for blind denoising in the published ones.</summary>
    public int Nb { get; init; } = 17;

    /// <summary>What follows convolutions: <c>R</c> ReLU, <c>L</c> leaky ReLU, <c>B</c> or <c>I</c> before it batch or instance normalisation in all but the first.</summary>
    public string ActMode { get; init; } = "BR";
}

/// <summary>
/// DnCNN (Zhang, Zuo, Chen, Meng, Zhang 2017, arXiv:1608.03981; KAIR models/network_dncnn.py), with the published key names: a chain of convolutions that predicts the
/// noise, which is subtracted. It is blind: the noise level is that of its training, or any of a range. Pictures are in [0, 1].
/// </summary>
public sealed class DnCnn : Module, IRestorationNetwork
{
    private readonly NumberedLayers _layers;

    /// <summary>A network with zero weights, to be loaded or initialised.</summary>
    /// <exception cref="ArgumentException">The settings contradict each other.</exception>
    public DnCnn(DnCnnSettings settings)
    {
        ArgumentNullException.ThrowIfNull(settings);
        if (settings.Nb < 2 || settings.Nc < 1 || settings.InNc < 1 || settings.OutNc != settings.InNc)
            throw new ArgumentException($"DnCNN needs 2 layers, channels, and as many out as in, found {settings.Nb}, {settings.Nc}, {settings.OutNc} and {settings.InNc}");
        Settings = settings;
        _layers = Add("model", ChainOf(settings.InNc, settings.OutNc, settings.Nc, settings.Nb, settings.ActMode));
    }

    /// <summary>The settings.</summary>
    public DnCnnSettings Settings { get; }

    /// <inheritdoc/>
    public int ImageChannels => Settings.InNc;

    /// <inheritdoc/>
    public int Scale => 1;

    /// <inheritdoc/>
    public int SizeMultiple => 1;

    /// <inheritdoc/>
    public int? TileContext => Settings.Nb;

    /// <inheritdoc/>
    public double FinestChannels => Settings.Nc;

    /// <inheritdoc/>
    public bool TakesNoiseLevel => false;

    /// <summary>The number format of activations where it is not that of the weights; for mixed-precision training.</summary>
    public DType? ActivationType { get; set; }

    /// <summary>Denoises <c>[N, C, H, W]</c> in [0, 1].</summary>
    public Tensor Forward(Tensor x)
    {
        using var scope = new Scope();
        return scope.Keep(x - _layers.Forward(x.To(ActivationType ?? DType).Contiguous(channelsLast: true)).To(x.DType));
    }

    /// <inheritdoc/>
    public Tensor Restore(Tensor x, Tensor noiseLevels) => Forward(x);

    /// <summary>Random weights that keep the scale of the signal; the network starts as the identity.</summary>
    public void Initialise(NoiseSource noise)
    {
        var convolutions = _layers.Children.Select(child => child.Module).OfType<Conv2d>().ToArray();
        foreach (var layer in convolutions[..^1]) layer.Initialise(noise, Math.Sqrt(2));
        convolutions[^1].Initialise(noise, 0);
    }

    /// <summary>The chain that the networks of this family share: the first convolution has no normalisation, the last nothing behind it.</summary>
    internal static NumberedLayers ChainOf(long inputs, long outputs, long width, int count, string mode)
    {
        var activation = LayerActivation.Parse(mode);
        var layers = new NumberedLayers().Convolution(inputs, width, activation with { BatchNorm = false, InstanceNorm = false });
        for (var i = 0; i < count - 2; i++) layers.Convolution(width, width, activation);
        return layers.Convolution(width, outputs);
    }
}
