using Posterior.Diffusion;
using Posterior.Networks.Adm;
using Posterior.Torch;
using Posterior.Torch.Nn;

namespace Posterior.Networks.Edm;

/// <summary>
/// ADM's denoiser (Dhariwal and Nichol 2021) as in EDM (NVlabs/edm training/networks.py, DhariwalUNet), with the published key names. The raw
/// network F: an EDM preconditioning belongs around it.
/// </summary>
public sealed class DhariwalUNet : Module, INoiseConditioned
{
    private readonly Linear? _mapLabel, _mapAugment;
    private readonly Linear _mapLayer0, _mapLayer1;
    private readonly EdmConvolution _first, _outConvolution;
    private readonly List<EdmBlock> _encoder = [];
    private readonly List<(EdmBlock Block, bool WithSkip)> _decoder = [];
    private readonly GroupNorm _outNorm;

    /// <summary>A network with zero weights, to be loaded.</summary>
    /// <exception cref="ArgumentException">The settings contradict each other.</exception>
    public DhariwalUNet(DhariwalUNetSettings settings)
    {
        ArgumentNullException.ThrowIfNull(settings);
        settings.Validate();
        Settings = settings;
        var block = new EdmBlockSettings { EmbeddingChannels = (long)settings.ModelChannels * settings.ChannelMultEmb };
        if (settings.AugmentDim > 0) _mapAugment = Add("map_augment", new Linear(settings.AugmentDim, settings.ModelChannels, bias: false));
        _mapLayer0 = Add("map_layer0", new Linear(settings.ModelChannels, block.EmbeddingChannels));
        _mapLayer1 = Add("map_layer1", new Linear(block.EmbeddingChannels, block.EmbeddingChannels));
        if (settings.LabelDim > 0) _mapLabel = Add("map_label", new Linear(settings.LabelDim, block.EmbeddingChannels, bias: false));

        var width = Width(0);
        var skips = new Stack<long>([width]);
        _first = Add(Level("enc", 0).Name + "conv", new EdmConvolution(settings.ImgChannels, width, 3));
        for (var level = 0; level < settings.ChannelMult.Count; level++)
        {
            var (name, attention) = Level("enc", level);
            if (level > 0) Encode(name + "down", new EdmBlock(width, width, block, Resampling.Down));
            for (var i = 0; i < settings.NumBlocks; i++)
            {
                var stage = new EdmBlock(width, Width(level), block, attention: attention);
                width = Width(level);
                Encode($"{name}block{i}", stage);
            }
        }

        for (var level = settings.ChannelMult.Count - 1; level >= 0; level--)
        {
            var (name, attention) = Level("dec", level);
            if (level + 1 == settings.ChannelMult.Count)
            {
                _decoder.Add((Add(name + "in0", new EdmBlock(width, width, block, attention: true)), false));
                _decoder.Add((Add(name + "in1", new EdmBlock(width, width, block)), false));
            }
            else
            {
                _decoder.Add((Add(name + "up", new EdmBlock(width, width, block, Resampling.Up)), false));
            }
            for (var i = 0; i <= settings.NumBlocks; i++)
            {
                _decoder.Add((Add($"{name}block{i}", new EdmBlock(width + skips.Pop(), Width(level), block, attention: attention)), true));
                width = Width(level);
            }
        }
        _outNorm = Add("out_norm", EdmBlock.Norm(width, block.Epsilon));
        _outConvolution = Add("out_conv", new EdmConvolution(width, settings.Outputs, 3));

        void Encode(string name, EdmBlock stage)
        {
            _encoder.Add(Add(name, stage));
            skips.Push(width);
        }
    }

    /// <summary>The settings that the network was built with.</summary>
    public DhariwalUNetSettings Settings { get; }

    /// <inheritdoc/>
    public int ImageChannels => Settings.ImgChannels;

    /// <inheritdoc/>
    public int Classes => Settings.LabelDim;

    /// <inheritdoc/>
    public int SizeMultiple => 1 << (Settings.ChannelMult.Count - 1);

    /// <inheritdoc/>
    public Tensor Forward(Tensor x, Tensor noiseLabel, Tensor? labels = null)
    {
        using var scope = new Scope();
        return scope.Keep(ForwardVectors(x, noiseLabel, ClassVectors.Of(labels, Classes, x)));
    }

    /// <summary>Evaluates the network with vectors as conditions.</summary>
    /// <param name="x">Scaled noisy images, <c>[N, C, H, W]</c>.</param>
    /// <param name="noiseLabel">The noise labels, <c>[N]</c>.</param>
    /// <param name="classVectors">One-hot or soft classes, <c>[N, LabelDim]</c>; null for an unconditional network.</param>
    /// <param name="augmentVectors">Training augmentations, <c>[N, AugmentDim]</c>; null for none.</param>
    /// <returns><c>[N, outputs, H, W]</c>, of the type of <paramref name="x"/>.</returns>
    public Tensor ForwardVectors(Tensor x, Tensor noiseLabel, Tensor? classVectors, Tensor? augmentVectors = null)
    {
        using var scope = new Scope();
        var embedding = SinusoidalEmbedding.CosineFirst(noiseLabel, Settings.ModelChannels).To(DType);
        if (_mapAugment is not null && augmentVectors is not null) embedding = embedding + _mapAugment.Forward(augmentVectors.To(DType));
        embedding = _mapLayer1.Forward(_mapLayer0.Forward(embedding).Silu());
        if (_mapLabel is not null)
        {
            if (classVectors is null) throw new ArgumentException($"the network expects class vectors of length {Classes}, found none", nameof(classVectors));
            embedding = embedding + _mapLabel.Forward(classVectors.To(DType));
        }
        embedding = embedding.Silu();

        var h = _first.Forward(x.To(DType));
        var skips = new Stack<Tensor>([h]);
        foreach (var block in _encoder) skips.Push(h = block.Forward(h, embedding));
        foreach (var (block, withSkip) in _decoder)
        {
            using var step = new Scope();
            h = step.Keep(block.Forward(withSkip ? Tensor.Cat([h, skips.Pop()], 1) : h, embedding));
        }
        return scope.Keep(_outConvolution.Forward(_outNorm.Forward(h, silu: true)).To(x.DType));
    }

    private long Width(int level) => (long)Settings.ModelChannels * Settings.ChannelMult[level];

    private (string Name, bool Attention) Level(string side, int level)
    {
        var size = Settings.ImgResolution >> level;
        return ($"{side}.{size}x{size}_", Settings.AttnResolutions.Contains(size));
    }
}
