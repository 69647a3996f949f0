using Posterior.Diffusion;
using Posterior.Torch;
using Posterior.Torch.Nn;

namespace Posterior.Networks.Denoisers;

/// <summary>The settings of an <see cref="IrCnn"/>, named as the arguments of its published constructor.</summary>
public sealed record IrCnnSettings
{
    /// <summary>Channels of the images.</summary>
    public int InNc { get; init; } = 1;

    /// <summary>Channels of the result, those of the images.</summary>
    public int OutNc { get; init; } = 1;

    /// <summary>Channels inside.</summary>
    public int Nc { get; init; } = 64;
}

/// <summary>
/// IRCNN (Zhang, Zuo, Gu, Zhang 2017, arXiv:1704.03264; KAIR models/network_dncnn.py), with the published key names: seven convolutions with dilations 1, 2, 3, 4, 3, 2, 1
/// that predict the noise of one level, which is subtracted. Pictures are in [0, 1].
/// </summary>
public sealed class IrCnn : Module, IRestorationNetwork
{
    private static readonly int[] _dilations = [1, 2, 3, 4, 3, 2, 1];

    private readonly NumberedLayers _layers;

    /// <summary>A network with zero weights, to be loaded.</summary>
    /// <exception cref="ArgumentException">The settings contradict each other.</exception>
    public IrCnn(IrCnnSettings settings)
    {
        ArgumentNullException.ThrowIfNull(settings);
        if (settings.Nc < 1 || settings.InNc < 1 || settings.OutNc != settings.InNc)
            throw new ArgumentException($"IRCNN needs channels, and as many out as in, found {settings.Nc}, {settings.OutNc} and {settings.InNc}");
        Settings = settings;
        _layers = Add("model", new NumberedLayers());
        var relu = LayerActivation.Parse("R");
        for (var i = 0; i < _dilations.Length; i++)
        {
            var last = i == _dilations.Length - 1;
            _layers.Convolution(i == 0 ? settings.InNc : settings.Nc, last ? settings.OutNc : settings.Nc, last ? null : relu, dilation: _dilations[i]);
        }
    }

    /// <summary>The number of convolutions.</summary>
    public static int Depth => _dilations.Length;

    /// <summary>The distance in pixels beyond which nothing can change an output pixel.</summary>
    public static int ReceptiveRadius => _dilations.Sum();

    /// <summary>The settings.</summary>
    public IrCnnSettings Settings { get; }

    /// <inheritdoc/>
    public int ImageChannels => Settings.InNc;

    /// <inheritdoc/>
    public int Scale => 1;

    /// <inheritdoc/>
    public int SizeMultiple => 1;

    /// <inheritdoc/>
    public int? TileContext => ReceptiveRadius;

    /// <inheritdoc/>
    public double FinestChannels => Settings.Nc;

    /// <inheritdoc/>
    public bool TakesNoiseLevel => false;

    /// <summary>Denoises <c>[N, C, H, W]</c> in [0, 1].</summary>
    public Tensor Forward(Tensor x)
    {
        using var scope = new Scope();
        return scope.Keep(x - _layers.Forward(x.To(DType).Contiguous(channelsLast: true)).To(x.DType));
    }

    /// <inheritdoc/>
    public Tensor Restore(Tensor x, Tensor noiseLevels) => Forward(x);
}
