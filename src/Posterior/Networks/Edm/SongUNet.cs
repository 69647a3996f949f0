using Posterior.Diffusion;
using Posterior.Networks.Adm;
using Posterior.Torch;
using Posterior.Torch.Nn;

namespace Posterior.Networks.Edm;

/// <summary>
/// DDPM++ and NCSN++ (Song et al. 2021) as in EDM (NVlabs/edm training/networks.py, SongUNet), with the published key names; also the network of
/// Dirac diffusion. The raw network F: an EDM preconditioning belongs around it.
/// </summary>
public sealed class SongUNet : Module, INoiseConditioned
{
    private readonly FourierFrequencies? _mapNoise;
    private readonly Linear? _mapLabel, _mapAugment;
    private readonly Linear _mapLayer0, _mapLayer1;
    private readonly List<EncoderLevel> _encoder = [];
    private readonly List<DecoderLevel> _decoder = [];
    private readonly long _noiseChannels;

    /// <summary>A network with zero weights, to be loaded.</summary>
    /// <exception cref="ArgumentException">The settings contradict each other.</exception>
    public SongUNet(SongUNetSettings settings)
    {
        ArgumentNullException.ThrowIfNull(settings);
        settings.Validate();
        Settings = settings;
        _noiseChannels = (long)settings.ModelChannels * settings.ChannelMultNoise;
        var block = new EdmBlockSettings
        {
            EmbeddingChannels = (long)settings.ModelChannels * settings.ChannelMultEmb,
            NumHeads = 1,
            SkipScale = Math.Sqrt(0.5),
            Epsilon = 1e-6,
            ResampleFilter = settings.ResampleFilter,
            ResampleProj = true,
            AdaptiveScale = false,
        };
        if (settings.EmbeddingType == EmbeddingType.Fourier) _mapNoise = Add("map_noise", new FourierFrequencies(_noiseChannels));
        if (settings.LabelDim > 0) _mapLabel = Add("map_label", new Linear(settings.LabelDim, _noiseChannels));
        if (settings.AugmentDim > 0) _mapAugment = Add("map_augment", new Linear(settings.AugmentDim, _noiseChannels, bias: false));
        _mapLayer0 = Add("map_layer0", new Linear(_noiseChannels, block.EmbeddingChannels));
        _mapLayer1 = Add("map_layer1", new Linear(block.EmbeddingChannels, block.EmbeddingChannels));

        long width = settings.ModelChannels, image = settings.ImgChannels;
        var skips = new Stack<long>([width]);
        for (var level = 0; level < settings.ChannelMult.Count; level++)
        {
            var (name, attention) = Level("enc", level);
            var parts = new EncoderLevel();
            _encoder.Add(parts);
            if (level == 0)
            {
                parts.First = Add(name + "conv", new EdmConvolution(image, width, 3));
            }
            else
            {
                parts.Down = Add(name + "down", new EdmBlock(width, width, block, Resampling.Down));
                skips.Push(width);
                if (settings.EncoderType == EncoderType.Skip)
                {
                    parts.ImageDown = Add(name + "aux_down", new EdmConvolution(image, image, 0, Resampling.Down, settings.ResampleFilter));
                    parts.ImageSkip = Add(name + "aux_skip", new EdmConvolution(image, width, 1));
                }
                if (settings.EncoderType == EncoderType.Residual)
                {
                    parts.ImageResidual = Add(name + "aux_residual", new EdmConvolution(image, width, 3, Resampling.Down, settings.ResampleFilter, fused: true));
                    image = width;
                }
            }
            for (var i = 0; i < settings.NumBlocks; i++)
            {
                var outputs = (long)settings.ModelChannels * settings.ChannelMult[level];
                parts.Blocks.Add(Add($"{name}block{i}", new EdmBlock(width, outputs, block, attention: attention)));
                skips.Push(width = outputs);
            }
        }

        var coarsest = settings.ChannelMult.Count - 1;
        for (var level = coarsest; level >= 0; level--)
        {
            var (name, attention) = Level("dec", level);
            var parts = new DecoderLevel();
            _decoder.Add(parts);
            if (level == coarsest)
            {
                parts.Blocks.Add(Add(name + "in0", new EdmBlock(width, width, block, attention: true)));
                parts.Blocks.Add(Add(name + "in1", new EdmBlock(width, width, block)));
            }
            else
            {
                parts.Blocks.Add(Add(name + "up", new EdmBlock(width, width, block, Resampling.Up)));
            }
            parts.WithSkip = parts.Blocks.Count;
            for (var i = 0; i <= settings.NumBlocks; i++)
            {
                var outputs = (long)settings.ModelChannels * settings.ChannelMult[level];
                parts.Blocks.Add(Add($"{name}block{i}", new EdmBlock(width + skips.Pop(), outputs, block, attention: attention && i == settings.NumBlocks)));
                width = outputs;
            }
            if (settings.DecoderType != DecoderType.Skip && level > 0) continue;
            if (settings.DecoderType == DecoderType.Skip && level < coarsest)
                parts.ImageUp = Add(name + "aux_up", new EdmConvolution(settings.Outputs, settings.Outputs, 0, Resampling.Up, settings.ResampleFilter));
            parts.ImageNorm = Add(name + "aux_norm", EdmBlock.Norm(width, block.Epsilon));
            parts.Image = Add(name + "aux_conv", new EdmConvolution(width, settings.Outputs, 3));
        }
    }

    /// <summary>The settings that the network was built with.</summary>
    public SongUNetSettings Settings { get; }

    /// <summary>The number format of activations, in channels-last memory, while the weights keep their own: for mixed-precision training. Null for that of the weights.</summary>
    public DType? ActivationType { get; set; }

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
        var embedding = Embed(noiseLabel, classVectors, augmentVectors);

        var h = x.To(ActivationType ?? DType).Contiguous(channelsLast: true);
        var image = h;
        var skips = new Stack<Tensor>();
        foreach (var level in _encoder)
        {
            h = level.First?.Forward(h) ?? level.Down!.Forward(h, embedding);
            if (level.ImageSkip is not null) h = h + level.ImageSkip.Forward(image = level.ImageDown!.Forward(image));
            if (level.ImageResidual is not null) h = image = (h + level.ImageResidual.Forward(image)) * Math.Sqrt(0.5);
            skips.Push(h);
            foreach (var block in level.Blocks) skips.Push(h = block.Forward(h, embedding));
        }

        Tensor? output = null;
        foreach (var level in _decoder)
        {
            for (var i = 0; i < level.Blocks.Count; i++)
            {
                using var step = new Scope();
                h = step.Keep(level.Blocks[i].Forward(i < level.WithSkip ? h : Tensor.Cat([h, skips.Pop()], 1), embedding));
            }
            if (level.Image is null) continue;
            var part = level.Image.Forward(level.ImageNorm!.Forward(h, silu: true));
            output = output is null ? part : level.ImageUp!.Forward(output) + part;
        }
        return scope.Keep(output!.To(x.DType));
    }

    /// <summary>Random weights, as in the published constructor: blocks add nearly nothing at first, and the output is nearly zero.</summary>
    /// <param name="noise">A source for a batch of one.</param>
    public void Initialise(NoiseSource noise)
    {
        var outputs = _decoder.Select(level => level.Image).OfType<EdmConvolution>().ToHashSet();
        foreach (var (_, part) in Children)
        {
            switch (part)
            {
                case FourierFrequencies frequencies:
                    frequencies.Initialise(noise);
                    break;
                case Linear linear:
                    linear.Initialise(noise);
                    break;
                case EdmBlock block:
                    block.Initialise(noise);
                    break;
                case EdmConvolution convolution:
                    convolution.Initialise(noise, outputs.Contains(convolution) ? EdmBlock.StartGain : 1);
                    break;
            }
        }
    }

    private Tensor Embed(Tensor noiseLabel, Tensor? classVectors, Tensor? augmentVectors)
    {
        // The stored [cos | sin] is swapped to [sin | cos], as in the original code.
        var halves = (_mapNoise?.Forward(noiseLabel) ?? SinusoidalEmbedding.CosineFirst(noiseLabel, _noiseChannels, endpoint: true)).Chunk(2, 1);
        var embedding = Tensor.Cat([halves[1], halves[0]], 1).To(DType);
        if (_mapLabel is not null)
        {
            if (classVectors is null) throw new ArgumentException($"the network expects class vectors of length {Classes}, found none", nameof(classVectors));
            embedding = embedding + _mapLabel.Forward((classVectors * Math.Sqrt(Settings.LabelDim)).To(DType));
        }
        if (_mapAugment is not null && augmentVectors is not null) embedding = embedding + _mapAugment.Forward(augmentVectors.To(DType));
        return _mapLayer1.Forward(_mapLayer0.Forward(embedding).Silu()).Silu();
    }

    private (string Name, bool Attention) Level(string side, int level)
    {
        var size = Settings.ImgResolution >> level;
        return ($"{side}.{size}x{size}_", Settings.AttnResolutions.Contains(size));
    }

    private sealed class EncoderLevel
    {
        public EdmConvolution? First, ImageDown, ImageSkip, ImageResidual;
        public EdmBlock? Down;
        public readonly List<EdmBlock> Blocks = [];
    }

    private sealed class DecoderLevel
    {
        public EdmConvolution? ImageUp, Image;
        public GroupNorm? ImageNorm;
        public readonly List<EdmBlock> Blocks = [];

        /// <summary>The first block that a skip connection joins.</summary>
        public int WithSkip;
    }
}
