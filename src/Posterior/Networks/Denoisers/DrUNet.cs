using Posterior.Diffusion;
using Posterior.Torch;
using Posterior.Torch.Nn;

namespace Posterior.Networks.Denoisers;

/// <summary>How <see cref="DrUNet"/> halves height and width.</summary>
public enum DownsampleMode
{
    /// <summary>2 x 2 convolutions with stride 2.</summary>
    StrideConv,

    /// <summary>Means of 2 x 2 pixels, then a convolution.</summary>
    AvgPool,

    /// <summary>Maxima of 2 x 2 pixels, then a convolution.</summary>
    MaxPool,
}

/// <summary>How <see cref="DrUNet"/> doubles height and width.</summary>
public enum UpsampleMode
{
    /// <summary>2 x 2 transposed convolutions with stride 2.</summary>
    ConvTranspose,

    /// <summary>A convolution to four times the channels, whose pixels are laid out.</summary>
    PixelShuffle,

    /// <summary>Repeated pixels, then a convolution.</summary>
    UpConv,
}

/// <summary>The settings of a <see cref="DrUNet"/>, named as the arguments of its published constructor.</summary>
public sealed record DrUNetSettings
{
    /// <summary>Channels in: those of the images and, in the published networks, one for the noise level.</summary>
    public int InNc { get; init; } = 4;

    /// <summary>Channels of the images.</summary>
    public int OutNc { get; init; } = 3;

    /// <summary>Channels of the four levels, finest first.</summary>
    public IReadOnlyList<int> Nc { get; init; } = [64, 128, 256, 512];

    /// <summary>Residual blocks of each level, before and again after the coarser ones.</summary>
    public int Nb { get; init; } = 4;

    /// <summary>What follows the first convolution of a block; see <see cref="DnCnnSettings.ActMode"/>.</summary>
    public string ActMode { get; init; } = "R";

    /// <summary>How height and width are halved.</summary>
    public DownsampleMode DownsampleMode { get; init; }

    /// <summary>How height and width are doubled.</summary>
    public UpsampleMode UpsampleMode { get; init; }

    /// <summary>Whether convolutions have biases. Without them, and with ReLU, the network scales with its input.</summary>
    public bool Bias { get; init; }
}

/// <summary>
/// DRUNet (Zhang, Li, Zuo, Zhang, Van Gool, Timofte 2021, arXiv:2008.13751; KAIR models/network_unet.py, UNetRes), with the published key names: a U-Net of residual blocks
/// whose skips are added, told the noise level by a channel of its input. Pictures and levels are in [0, 1].
/// </summary>
public sealed class DrUNet : Module, IRestorationNetwork
{
    private const int Levels = 4;

    private readonly Conv2d _head, _tail;
    private readonly NumberedLayers[] _down = new NumberedLayers[Levels - 1], _up = new NumberedLayers[Levels - 1];
    private readonly Func<Tensor, Tensor> _body;

    /// <summary>A network with zero weights, to be loaded or initialised.</summary>
    /// <exception cref="ArgumentException">The settings contradict each other.</exception>
    public DrUNet(DrUNetSettings settings)
    {
        ArgumentNullException.ThrowIfNull(settings);
        if (settings.Nc.Count != Levels || settings.Nc.Any(width => width < 1) || settings.Nb < 1 || settings.OutNc < 1 || settings.InNc - settings.OutNc is not (0 or 1))
            throw new ArgumentException($"DRUNet needs the widths of {Levels} levels, blocks, and as many channels in as out or one more, found {settings.Nc.Count}, {settings.Nb}, {settings.InNc} and {settings.OutNc}");
        Settings = settings;
        var (widths, activation) = (settings.Nc, LayerActivation.Parse(settings.ActMode));
        _head = Add("m_head", new Conv2d(settings.InNc, widths[0], 3, padding: 1, bias: settings.Bias));
        for (var level = 0; level < Levels - 1; level++)
        {
            _down[level] = Add($"m_down{level + 1}", Blocks(new NumberedLayers(), widths[level]));
            Shrink(_down[level], widths[level], widths[level + 1]);
        }

        // A sequence of one block has no number in the published code.
        if (settings.Nb == 1) _body = Add("m_body", new ResidualBlock(widths[^1], activation, settings.Bias)).Forward;
        else _body = Add("m_body", Blocks(new NumberedLayers(), widths[^1])).Forward;
        for (var level = Levels - 2; level >= 0; level--)
        {
            _up[level] = Add($"m_up{level + 1}", new NumberedLayers());
            Grow(_up[level], widths[level + 1], widths[level]);
            Blocks(_up[level], widths[level]);
        }
        _tail = Add("m_tail", new Conv2d(widths[0], settings.OutNc, 3, padding: 1, bias: settings.Bias));

        NumberedLayers Blocks(NumberedLayers layers, int width)
        {
            for (var i = 0; i < settings.Nb; i++) layers.Layer(new ResidualBlock(width, activation, settings.Bias), (block, x) => block.Forward(x));
            return layers;
        }
    }

    /// <summary>The settings.</summary>
    public DrUNetSettings Settings { get; }

    /// <inheritdoc/>
    public int ImageChannels => Settings.OutNc;

    /// <inheritdoc/>
    public int Scale => 1;

    /// <inheritdoc/>
    public int SizeMultiple => 1 << (Levels - 1);

    /// <inheritdoc/>
    public double FinestChannels => Settings.Nc[0];

    /// <inheritdoc/>
    public bool TakesNoiseLevel => Settings.InNc > Settings.OutNc;

    /// <summary>The number format of activations where it is not that of the weights; for mixed-precision training.</summary>
    public DType? ActivationType { get; set; }

    /// <summary>Evaluates the network.</summary>
    /// <param name="x">Images in [0, 1] and, where the network takes it, the noise level at each pixel as the last channel; sides are multiples of <see cref="SizeMultiple"/>.</param>
    /// <returns><c>[N, C, H, W]</c>.</returns>
    public Tensor Forward(Tensor x)
    {
        using var scope = new Scope();
        var skips = new Stack<Tensor>();
        var h = _head.Forward(x.To(ActivationType ?? DType).Contiguous(channelsLast: true));
        foreach (var level in _down)
        {
            skips.Push(h);
            h = level.Forward(h);
        }
        var coarsest = h;
        h = _body(h) + coarsest;
        for (var level = Levels - 2; level >= 0; level--) h = _up[level].Forward(h) + skips.Pop();
        return scope.Keep(_tail.Forward(h).To(x.DType));
    }

    /// <inheritdoc/>
    public Tensor Restore(Tensor x, Tensor noiseLevels)
    {
        using var scope = new Scope();
        return scope.Keep(Forward(TakesNoiseLevel ? NoiseMap.Append(x, noiseLevels) : x));
    }

    /// <summary>
    /// Random weights that keep the scale of the signal. The network starts as the identity: its first channels are those of the image, which pass along the outermost skip to
    /// its end, and the branch below that skip starts as zero.
    /// </summary>
    public void Initialise(NoiseSource noise)
    {
        var blocks = (2 * Levels - 1) * Settings.Nb;
        foreach (var layer in Below(this))
        {
            switch (layer)
            {
                case ResidualBlock block:
                    block.Initialise(noise, 1 / Math.Sqrt(blocks));
                    break;
                case TransposedConvolution transposed:
                    transposed.Initialise(noise);
                    break;
                case Conv2d convolution:
                    convolution.Initialise(noise);
                    break;
            }
        }

        Initialisation.CopyChannels(_head.Weight, Settings.OutNc);
        Initialisation.Normal(_tail.Weight, _tail.Bias, 0, noise);
        Initialisation.CopyChannels(_tail.Weight, Settings.OutNc);
        switch (Below(_up[0]).First(layer => layer is not ResidualBlock))
        {
            case TransposedConvolution transposed:
                transposed.Initialise(noise, 0);
                break;
            case Conv2d convolution:
                convolution.Initialise(noise, 0);
                break;
        }

        static IEnumerable<Module> Below(Module module) => module.Children.SelectMany(child => child.Module is NumberedLayers ? Below(child.Module) : [child.Module]);
    }

    private void Shrink(NumberedLayers layers, int inputs, int outputs)
    {
        if (Settings.DownsampleMode == DownsampleMode.StrideConv) layers.Layer(new Conv2d(inputs, outputs, 2, stride: 2, bias: Settings.Bias), (layer, x) => layer.Forward(x));
        else layers.Apply(x => Settings.DownsampleMode == DownsampleMode.AvgPool ? x.AveragePool(2, 2) : x.MaxPool(2, 2)).Convolution(inputs, outputs, bias: Settings.Bias);
    }

    private void Grow(NumberedLayers layers, int inputs, int outputs)
    {
        switch (Settings.UpsampleMode)
        {
            case UpsampleMode.ConvTranspose:
                layers.Layer(new TransposedConvolution(inputs, outputs, Settings.Bias), (layer, x) => layer.Enlarge(x));
                break;
            case UpsampleMode.PixelShuffle:
                layers.Convolution(inputs, 4 * outputs, bias: Settings.Bias).Apply(x => x.PixelShuffle(2).Contiguous(channelsLast: true));
                break;
            default:
                layers.Apply(x => x.UpsampleNearest(2 * x.Size(2), 2 * x.Size(3))).Convolution(inputs, outputs, bias: Settings.Bias);
                break;
        }
    }

    private sealed class ResidualBlock : Module
    {
        private readonly NumberedLayers _layers;

        public ResidualBlock(long width, LayerActivation activation, bool bias) =>
            _layers = Add("res", new NumberedLayers().Convolution(width, width, activation, bias).Convolution(width, width, bias: bias));

        public Tensor Forward(Tensor x)
        {
            using var scope = new Scope();
            return scope.Keep(_layers.Forward(x) + x);
        }

        public void Initialise(NoiseSource noise, double gain)
        {
            var convolutions = _layers.Children.Select(child => child.Module).OfType<Conv2d>().ToArray();
            convolutions[0].Initialise(noise, Math.Sqrt(2));
            convolutions[1].Initialise(noise, gain);
        }
    }
}
