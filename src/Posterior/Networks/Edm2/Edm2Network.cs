using Posterior.Diffusion;
using Posterior.Networks.Adm;
using Posterior.Networks.Edm;
using Posterior.Torch;
using Posterior.Torch.Nn;

namespace Posterior.Networks.Edm2;

/// <summary>
/// The network of EDM2 (Karras et al. 2024, arXiv:2312.02696; NVlabs/edm2 training/networks_edm2.py, Precond around UNet), with the published key names: the UNet below
/// <c>unet.</c>, and the uncertainty of the loss. As an <see cref="INoiseConditioned"/> it is the raw network F; EDM's preconditioning belongs around it.
/// </summary>
public sealed class Edm2Network : Module, INoiseConditioned
{
    private readonly Edm2UNet _unet;
    private readonly Edm2Fourier _fourier;
    private readonly Edm2Linear _linear;

    /// <summary>A network with zero weights, to be loaded.</summary>
    /// <exception cref="ArgumentException">The settings contradict each other.</exception>
    public Edm2Network(Edm2Settings settings)
    {
        ArgumentNullException.ThrowIfNull(settings);
        settings.Validate();
        Settings = settings;
        _unet = Add("unet", new Edm2UNet(settings));
        _fourier = Add("logvar_fourier", new Edm2Fourier(settings.LogvarChannels));
        _linear = Add("logvar_linear", new Edm2Linear(settings.LogvarChannels, 1));
    }

    /// <summary>The settings that the network was built with.</summary>
    public Edm2Settings Settings { get; }

    /// <inheritdoc/>
    public int ImageChannels => Settings.ImgChannels;

    /// <inheritdoc/>
    public int Classes => Settings.LabelDim;

    /// <inheritdoc/>
    public int SizeMultiple => 1 << (Settings.ChannelMult.Count - 1);

    /// <inheritdoc/>
    public double FinestChannels => Settings.ModelChannels * Settings.ChannelMult[0];

    /// <inheritdoc/>
    public bool PairsPlaces => true;

    /// <inheritdoc/>
    public Tensor Forward(Tensor x, Tensor noiseLabel, Tensor? labels = null)
    {
        using var scope = new Scope();
        return scope.Keep(ForwardVectors(x, noiseLabel, ClassVectors.Of(labels, Classes, x)));
    }

    /// <summary>Evaluates the network with class vectors.</summary>
    /// <param name="x">Scaled noisy images, <c>[N, C, H, W]</c>.</param>
    /// <param name="noiseLabel"><c>ln(sigma) / 4</c>, <c>[N]</c>.</param>
    /// <param name="classVectors">One-hot or soft classes, <c>[N, LabelDim]</c>; null for none.</param>
    /// <returns>The raw output, <c>[N, C, H, W]</c>, of the type of <paramref name="x"/>.</returns>
    public Tensor ForwardVectors(Tensor x, Tensor noiseLabel, Tensor? classVectors)
    {
        using var scope = new Scope();
        return scope.Keep(_unet.Forward(x.To(DType), noiseLabel, classVectors ?? ClassVectors.Of(null, Classes, x)).To(x.DType));
    }

    /// <summary>The logarithm of the variance of the loss at a noise level, as it was learned with the network (Karras et al. 2024, Eq. 21).</summary>
    /// <param name="noiseLabel"><c>ln(sigma) / 4</c>, <c>[N]</c>.</param>
    /// <returns><c>[N]</c>.</returns>
    public Tensor LogVariance(Tensor noiseLabel)
    {
        using var scope = new Scope();
        return scope.Keep(_linear.Forward(_fourier.Forward(noiseLabel).To(DType)).Flatten());
    }
}

/// <summary>The UNet inside of <see cref="Edm2Network"/>.</summary>
internal sealed class Edm2UNet : Module
{
    private readonly Parameter _gain;
    private readonly Edm2Fourier _fourier;
    private readonly Edm2Linear _noise;
    private readonly Edm2Linear? _label;
    private readonly Edm2Convolution _first, _last;
    private readonly List<Edm2Block> _encoder = [];
    private readonly List<(Edm2Block Block, bool Skip)> _decoder = [];
    private readonly Edm2Settings _settings;

    public Edm2UNet(Edm2Settings settings)
    {
        _settings = settings;
        _gain = AddParameter("out_gain", Tensor.Zeros([]));
        _fourier = Add("emb_fourier", new Edm2Fourier(settings.NoiseChannels));
        _noise = Add("emb_noise", new Edm2Linear(settings.NoiseChannels, settings.EmbeddingChannels));
        if (settings.LabelDim > 0) _label = Add("emb_label", new Edm2Linear(settings.LabelDim, settings.EmbeddingChannels));

        var width = (long)settings.ModelChannels * settings.ChannelMult[0];
        var skips = new Stack<long>([width]);
        _first = Add(Name("enc", 0) + "conv", new Edm2Convolution(settings.ImgChannels + 1, width, 3));
        for (var level = 0; level < settings.ChannelMult.Count; level++)
        {
            if (level > 0) Encode(Name("enc", level) + "down", new Edm2Block(width, width, settings, encoder: true, Resampling.Down));
            for (var i = 0; i < settings.NumBlocks; i++)
                Encode($"{Name("enc", level)}block{i}", new Edm2Block(width, Width(level), settings, encoder: true, attention: HasAttention(level)));
        }
        for (var level = settings.ChannelMult.Count - 1; level >= 0; level--)
        {
            if (level == settings.ChannelMult.Count - 1)
            {
                Decode(Name("dec", level) + "in0", new Edm2Block(width, width, settings, encoder: false, attention: true), skip: false);
                Decode(Name("dec", level) + "in1", new Edm2Block(width, width, settings, encoder: false), skip: false);
            }
            else
            {
                Decode(Name("dec", level) + "up", new Edm2Block(width, width, settings, encoder: false, Resampling.Up), skip: false);
            }
            for (var i = 0; i <= settings.NumBlocks; i++)
                Decode($"{Name("dec", level)}block{i}", new Edm2Block(width + skips.Pop(), Width(level), settings, encoder: false, attention: HasAttention(level)), skip: true);
        }
        _last = Add("out_conv", new Edm2Convolution(width, settings.ImgChannels, 3));

        void Encode(string name, Edm2Block block)
        {
            _encoder.Add(Add(name, block));
            skips.Push(width = block.OutputChannels);
        }

        void Decode(string name, Edm2Block block, bool skip)
        {
            _decoder.Add((Add(name, block), skip));
            width = block.OutputChannels;
        }
    }

    public Tensor Forward(Tensor x, Tensor noiseLabel, Tensor? classVectors)
    {
        using var scope = new Scope();
        var embedding = Embed(noiseLabel, classVectors);
        // A channel of ones takes the place of biases.
        var h = _first.Forward(Tensor.Cat([x, x.Narrow(1, 0, 1).OnesLike()], 1));
        var skips = new Stack<Tensor>([h]);
        foreach (var block in _encoder) skips.Push(h = block.Forward(h, embedding));
        foreach (var (block, skip) in _decoder)
        {
            using var step = new Scope();
            h = step.Keep(block.Forward(skip ? MagnitudePreserving.Concatenate(h, skips.Pop(), _settings.ConcatBalance) : h, embedding));
        }
        return scope.Keep(_last.Forward(h) * _gain);
    }

    private Tensor Embed(Tensor noiseLabel, Tensor? classVectors)
    {
        var embedding = _noise.Forward(_fourier.Forward(noiseLabel).To(DType));
        if (_label is not null)
        {
            if (classVectors is null) throw new ArgumentException($"the network expects class vectors of length {_settings.LabelDim}, found none", nameof(classVectors));
            embedding = MagnitudePreserving.Sum(embedding, _label.Forward((classVectors * Math.Sqrt(_settings.LabelDim)).To(DType)), _settings.LabelBalance);
        }
        return MagnitudePreserving.Silu(embedding);
    }

    private string Name(string side, int level) => $"{side}.{_settings.ImgResolution >> level}x{_settings.ImgResolution >> level}_";

    private long Width(int level) => (long)_settings.ModelChannels * _settings.ChannelMult[level];

    private bool HasAttention(int level) => _settings.AttnResolutions.Contains(_settings.ImgResolution >> level);
}
