using Posterior.Diffusion;
using Posterior.Imaging;
using Posterior.Torch;
using Posterior.Torch.Nn;

namespace Posterior.Networks;

/// <summary>
/// A fully convolutional U-Net of residual blocks without normalisation: what a pixel becomes depends on its neighbourhood alone,
/// so that a tile and the whole image agree, whatever the size. The noise level (and the class, if any) scales and shifts the channels of each block.
/// Ours; in the family of DRUNet (Zhang et al. 2021) and, for the patches as channels, FFDNet (Zhang, Zuo, Zhang 2018).
/// </summary>
public sealed class PhotoUNet : Module, INoiseConditioned
{
    // How far the shipped photo looks: cut off at 96 pixels from the edge of a tile its estimate changes by up to 2e-3 (images in [-1, 1], noise 0.1
    // to 100), at 112 by 3e-4, at 128 by 5e-5. The weights leave the rest of the receptive field unused.
    private const int UsedRadius = 128;

    private readonly PhotoUNetSettings _settings;
    private readonly Linear _embedFirst, _embedSecond;
    private readonly Embedding? _classes;
    private readonly Conv2d _stem, _head;
    private readonly PhotoBlock[][] _down, _up;
    private readonly Conv2d[] _shrink, _grow;

    /// <summary>A network of the given sizes, with zero weights.</summary>
    /// <exception cref="ArgumentException">A size is none.</exception>
    public PhotoUNet(PhotoUNetSettings settings)
    {
        settings.Validate();
        _settings = settings;
        var (widths, levels) = (settings.Widths, settings.Widths.Count);
        var patched = settings.ImageChannels * settings.Patch * settings.Patch;
        _embedFirst = Add("embed.0", new Linear(2 * NoiseFrequencies, settings.EmbeddingWidth));
        _embedSecond = Add("embed.1", new Linear(settings.EmbeddingWidth, settings.EmbeddingWidth));
        if (settings.Classes > 0) _classes = Add("classes", new Embedding(settings.Classes + 1, settings.EmbeddingWidth));
        _stem = Add("stem", new Conv2d(patched, widths[0], 3, padding: 1));
        _down = new PhotoBlock[levels][];
        _up = new PhotoBlock[levels - 1][];
        _shrink = new Conv2d[levels - 1];
        _grow = new Conv2d[levels - 1];
        for (var level = 0; level < levels; level++)
        {
            _down[level] = Blocks("down", level);
            if (level < levels - 1) _shrink[level] = Add($"shrink.{level}", new Conv2d(4 * widths[level], widths[level + 1], 1));
        }
        for (var level = levels - 2; level >= 0; level--)
        {
            _grow[level] = Add($"grow.{level}", new Conv2d(widths[level + 1], 4 * widths[level], 1));
            _up[level] = Blocks("up", level);
        }
        _head = Add("head", new Conv2d(widths[0], patched, 3, padding: 1));

        PhotoBlock[] Blocks(string side, int level) =>
            [.. Enumerable.Range(0, settings.Blocks[level]).Select(i => Add($"{side}.{level}.{i}", new PhotoBlock(widths[level], settings.EmbeddingWidth)))];
    }

    /// <summary>The number of frequencies that describe the noise level.</summary>
    public const int NoiseFrequencies = 16;

    /// <summary>The sizes.</summary>
    public PhotoUNetSettings Settings => _settings;

    /// <summary>The number format between the first and the last layer, which keep the weights' own; for mixed-precision training.</summary>
    public DType? ActivationType { get; set; }

    /// <inheritdoc/>
    public int ImageChannels => _settings.ImageChannels;

    /// <inheritdoc/>
    public int Classes => _settings.Classes;

    /// <inheritdoc/>
    public int SizeMultiple => _settings.Patch << (_settings.Widths.Count - 1);

    /// <summary>
    /// The distance in pixels beyond which nothing can change an output pixel: a pixel for each 3 x 3 convolution at its level's scale, and
    /// the grids of the coarsest level. Trained weights use less of it.
    /// </summary>
    public int ReceptiveRadius
    {
        get
        {
            var radius = 2 * _settings.Patch + SizeMultiple;
            for (var level = 0; level < _down.Length; level++)
                radius += (_settings.Patch << level) * 2 * _settings.Blocks[level] * (level == _down.Length - 1 ? 1 : 2);
            return radius;
        }
    }

    /// <inheritdoc/>
    public int? TileContext => Math.Min(ReceptiveRadius, UsedRadius);

    /// <inheritdoc/>
    public double FinestChannels => (double)_settings.Widths[0] / (_settings.Patch * _settings.Patch);

    /// <summary>
    /// Measured for the shipped photo, as a denoiser at 512 x 512 and 768 x 768: 5.1 (324 bytes a pixel) in Float32 and 5.4 (174 bytes) in BFloat16, whatever the number of its
    /// blocks and with oneDNN held to AVX2, too.
    /// </summary>
    public int LiveTensors => 7;

    /// <summary>As in every network; a deeper one starts as the shallower one that it comes from: blocks that are new beside trained ones change nothing at first.</summary>
    /// <inheritdoc/>
    public override IReadOnlyList<string> LoadPart(IReadOnlyDictionary<string, Tensor> tensors)
    {
        var anew = base.LoadPart(tensors);
        var names = anew.ToHashSet(StringComparer.Ordinal);
        foreach (var (side, levels) in new[] { ("down", _down), ("up", _up) })
        {
            for (var level = 0; level < levels.Length; level++)
            {
                for (var i = 0; i < levels[level].Length; i++)
                    if (names.Contains($"{side}.{level}.{i}.second.weight")) levels[level][i].StartAsIdentity();
            }
        }
        WeightsChanged();
        return anew;
    }

    /// <summary>ln(sigma) / 4 for images in [-1, 1], as in a prior: a network that was one knows these labels.</summary>
    /// <inheritdoc/>
    public double LabelOf(UnitSigma sigma) => Math.Log(sigma.Signed) / 4;

    /// <inheritdoc/>
    public Tensor Forward(Tensor x, Tensor noiseLabel, Tensor? labels = null)
    {
        using var scope = new Scope();
        var embedding = _embedFirst.Forward(NoiseFeatures(noiseLabel).To(_embedFirst.DType)).Silu();
        if (_classes is not null) embedding += _classes.Forward(labels ?? Tensor.Full([x.Size(0)], Classes, DType.Int64, x.Device));
        embedding = _embedSecond.Forward(embedding).Silu();
        var h = _stem.Forward(x.To(_stem.DType).PixelUnshuffle(_settings.Patch).Contiguous(channelsLast: true)).To(ActivationType ?? _stem.DType);
        var skips = new Stack<Tensor>();
        for (var level = 0; level < _down.Length; level++)
        {
            h = Through(_down[level], h);
            if (level == _shrink.Length) break;
            skips.Push(h);
            using var step = new Scope();
            h = step.Keep(_shrink[level].Forward(h.PixelUnshuffle(2).Contiguous(channelsLast: true)));
        }
        for (var level = _grow.Length - 1; level >= 0; level--)
        {
            using (var step = new Scope())
            using (var skip = skips.Pop())
                step.Replace(ref h, _grow[level].Forward(h).PixelShuffle(2).Contiguous(channelsLast: true) + skip);
            h = Through(_up[level], h);
        }
        return scope.Keep(_head.Forward(h.To(_head.DType)).PixelShuffle(_settings.Patch));

        // What a block has read is freed at once: memory does not grow with their number.
        Tensor Through(PhotoBlock[] blocks, Tensor h)
        {
            foreach (var block in blocks)
            {
                using var step = new Scope();
                step.Replace(ref h, block.Forward(h, embedding));
            }
            return h;
        }
    }

    /// <summary>Random weights that keep the scale of the signal; each block starts as the identity, the network as zero.</summary>
    public void Initialise(NoiseSource noise)
    {
        _embedFirst.Initialise(noise);
        _embedSecond.Initialise(noise, Math.Sqrt(2));
        if (_classes is not null) Initialisation.Normal(_classes.Weight, null, 0.5 * Math.Sqrt(_settings.EmbeddingWidth), noise);
        _stem.Initialise(noise);
        foreach (var layer in _shrink.Concat(_grow)) layer.Initialise(noise);
        var blocks = _down.Concat(_up).SelectMany(level => level).ToArray();
        foreach (var block in blocks) block.Initialise(noise, 1 / Math.Sqrt(blocks.Length));
        _head.Initialise(noise, 0);
    }

    // Cosines and sines of ln(sigma) / 4 at frequencies that resolve a hundredth of a decade and span the whole range.
    private static Tensor NoiseFeatures(Tensor noiseLabel)
    {
        var angles = noiseLabel.To(DType.Float32).Unsqueeze(1) * (Tensor.Linspace(Math.Log(0.5), Math.Log(30), NoiseFrequencies, DType.Float32, noiseLabel.Device).Exp());
        return Tensor.Cat([angles.Cos(), angles.Sin()], 1);
    }
}
