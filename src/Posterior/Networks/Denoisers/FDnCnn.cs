using Posterior.Diffusion;
using Posterior.Torch;
using Posterior.Torch.Nn;

namespace Posterior.Networks.Denoisers;

/// <summary>The settings of an <see cref="FDnCnn"/>, named as the arguments of its published constructor.</summary>
public sealed record FDnCnnSettings
{
    /// <summary>Channels of the images, and one for the noise level.</summary>
    public int InNc { get; init; } = 2;

    /// <summary>Channels of the images.</summary>
    public int OutNc { get; init; } = 1;

    /// <summary>Channels inside.</summary>
    public int Nc { get; init; } = 64;

    /// <summary>The number of convolutions.</summary>
    public int Nb { get; init; } = 20;

    /// <summary>What follows convolutions; see <see cref="DnCnnSettings.ActMode"/>.</summary>
    public string ActMode { get; init; } = "R";
}

/// <summary>
/// FDnCNN (KAIR models/network_dncnn.py; in the manner of FFDNet, Zhang, Zuo, Zhang 2018), with the published key names: the chain of <see cref="DnCnn"/> with a map of the
/// noise level as its last input channel, which gives the image itself. Pictures and levels are in [0, 1].
/// </summary>
public sealed class FDnCnn : Module, IRestorationNetwork
{
    private readonly NumberedLayers _layers;

    /// <summary>A network with zero weights, to be loaded.</summary>
    /// <exception cref="ArgumentException">The settings contradict each other.</exception>
    public FDnCnn(FDnCnnSettings settings)
    {
        ArgumentNullException.ThrowIfNull(settings);
        if (settings.Nb < 2 || settings.Nc < 1 || settings.OutNc < 1 || settings.InNc != settings.OutNc + 1)
            throw new ArgumentException($"FDnCNN needs 2 layers, channels, and one channel more in than out, found {settings.Nb}, {settings.Nc}, {settings.InNc} and {settings.OutNc}");
        Settings = settings;
        _layers = Add("model", DnCnn.ChainOf(settings.InNc, settings.OutNc, settings.Nc, settings.Nb, settings.ActMode));
    }

    /// <summary>The settings.</summary>
    public FDnCnnSettings Settings { get; }

    /// <inheritdoc/>
    public int ImageChannels => Settings.OutNc;

    /// <inheritdoc/>
    public int Scale => 1;

    /// <inheritdoc/>
    public int SizeMultiple => 1;

    /// <inheritdoc/>
    public int? TileContext => Settings.Nb;

    /// <inheritdoc/>
    public double FinestChannels => Settings.Nc;

    /// <inheritdoc/>
    public bool TakesNoiseLevel => true;

    /// <summary>Evaluates the network.</summary>
    /// <param name="x">Images in [0, 1] and, as the last channel, the noise level at each pixel, <c>[N, C + 1, H, W]</c>.</param>
    /// <returns><c>[N, C, H, W]</c>.</returns>
    public Tensor Forward(Tensor x)
    {
        using var scope = new Scope();
        return scope.Keep(_layers.Forward(x.To(DType).Contiguous(channelsLast: true)).To(x.DType));
    }

    /// <inheritdoc/>
    public Tensor Restore(Tensor x, Tensor noiseLevels)
    {
        using var scope = new Scope();
        return scope.Keep(Forward(NoiseMap.Append(x, noiseLevels)));
    }
}

/// <summary>The noise level as a channel beside those of the image.</summary>
internal static class NoiseMap
{
    /// <summary><c>[N, C, H, W]</c> to <c>[N, C + 1, H, W]</c>.</summary>
    public static Tensor Append(Tensor x, Tensor noiseLevels)
    {
        using var scope = new Scope();
        var map = noiseLevels.To(x.DType).To(x.Device).Reshape(-1, 1, 1, 1).Expand(x.Size(0), 1, x.Size(2), x.Size(3));
        return scope.Keep(Tensor.Cat([x, map], 1));
    }
}
