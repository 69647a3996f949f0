using Posterior.Torch;
using Posterior.Torch.Nn;

namespace Posterior.Networks.Features;

/// <summary>
/// A small classifier of images: residual blocks with the normalisation before each convolution (He et al. 2016, identity mappings), by groups (Wu, He 2018), so that what an image becomes
/// does not depend on its batch. Its pooled features measure how far two sets of images are apart.
/// </summary>
public sealed class ResidualClassifier : Module
{
    private readonly Conv2d _stem;
    private readonly Block[][] _stages;
    private readonly Conv2d[] _shrink;
    private readonly GroupNorm _norm;
    private readonly Linear _classes;

    /// <summary>A network of the given sizes, with zero weights.</summary>
    /// <exception cref="ArgumentException">The sizes do not fit each other.</exception>
    public ResidualClassifier(ResidualClassifierSettings settings)
    {
        Settings = settings;
        var widths = settings.Widths;
        if (widths.Count == 0 || widths.Count != settings.Blocks.Count) throw new ArgumentException($"expected as many widths as numbers of blocks, found {widths.Count} and {settings.Blocks.Count}");
        if (widths.FirstOrDefault(width => width % GroupWidth != 0) is > 0 and var odd) throw new ArgumentException($"expected widths that are multiples of {GroupWidth}, found {odd}");
        if (widths.Count > 16 || settings.Blocks.Any(blocks => blocks is < 1 or > 1000)) throw new ArgumentException($"expected 1 to 16 stages of 1 to 1000 blocks, found {widths.Count} of {settings.Blocks.Min()} to {settings.Blocks.Max()}");
        _stem = Add("stem", new Conv2d(settings.ImageChannels * settings.Patch * settings.Patch, widths[0], 3, padding: 1));
        _stages = new Block[widths.Count][];
        _shrink = new Conv2d[widths.Count - 1];
        for (var stage = 0; stage < widths.Count; stage++)
        {
            _stages[stage] = [.. Enumerable.Range(0, settings.Blocks[stage]).Select(i => Add($"stages.{stage}.{i}", new Block(widths[stage])))];
            if (stage + 1 < widths.Count) _shrink[stage] = Add($"shrink.{stage}", new Conv2d(4 * widths[stage], widths[stage + 1], 1));
        }
        _norm = Add("norm", new GroupNorm(widths[^1] / GroupWidth, widths[^1]));
        _classes = Add("classes", new Linear(widths[^1], settings.Classes));
    }

    /// <summary>Channels that are normalised together.</summary>
    public const int GroupWidth = 16;

    /// <summary>The sizes.</summary>
    public ResidualClassifierSettings Settings { get; }

    /// <summary>The number of features of an image.</summary>
    public int FeatureCount => Settings.Widths[^1];

    /// <summary>Heights and widths of images are multiples of this.</summary>
    public int SizeMultiple => Settings.Patch << (Settings.Widths.Count - 1);

    /// <summary>The number format between the first and the last layer, which keep the weights' own; for mixed-precision training.</summary>
    public DType? ActivationType { get; set; }

    /// <summary>The logits of the classes.</summary>
    /// <param name="x"><c>[N, C, H, W]</c> in [-1, 1].</param>
    /// <returns><c>[N, classes]</c>.</returns>
    public Tensor Forward(Tensor x)
    {
        using var scope = new Scope();
        return scope.Keep(_classes.Forward(Features(x)));
    }

    /// <summary>What the classes are told from: the last stage's activations, averaged over the image.</summary>
    /// <param name="x"><c>[N, C, H, W]</c> in [-1, 1], of sides that are multiples of <see cref="SizeMultiple"/>.</param>
    /// <returns><c>[N, FeatureCount]</c>.</returns>
    public Tensor Features(Tensor x)
    {
        using var scope = new Scope();
        return scope.Keep(_norm.Forward(Stages(x)[^1]).Relu().Mean([2, 3]).To(x.DType));
    }

    /// <summary>What each stage makes of an image, from fine to coarse.</summary>
    /// <param name="x"><c>[N, C, H, W]</c> in [-1, 1], of sides that are multiples of <see cref="SizeMultiple"/>.</param>
    /// <returns><c>[N, width, h, w]</c> for each stage, each of half the size of the one before; in the format of the activations.</returns>
    public IReadOnlyList<Tensor> Stages(Tensor x)
    {
        using var scope = new Scope();
        var stages = new List<Tensor>();
        x = _stem.Forward((Settings.Patch > 1 ? x.PixelUnshuffle(Settings.Patch) : x).To(ActivationType ?? x.DType).Contiguous(channelsLast: true));
        for (var stage = 0; stage < _stages.Length; stage++)
        {
            if (stage > 0) x = _shrink[stage - 1].Forward(x.PixelUnshuffle(2));
            foreach (var block in _stages[stage]) x = block.Forward(x);
            stages.Add(scope.Keep(x));
        }
        return stages;
    }

    /// <summary>Random weights.</summary>
    public void Initialise(NoiseSource noise)
    {
        var blocks = _stages.Sum(stage => stage.Length);
        _stem.Initialise(noise);
        foreach (var stage in _stages)
            foreach (var block in stage) block.Initialise(noise, 1 / Math.Sqrt(blocks));
        foreach (var shrink in _shrink) shrink.Initialise(noise);
        _classes.Initialise(noise, 0.1);
    }

    /// <summary><c>x + conv(relu(norm(conv(relu(norm(x))))))</c>.</summary>
    private sealed class Block : Module
    {
        private readonly GroupNorm _firstNorm, _secondNorm;
        private readonly Conv2d _first, _second;

        public Block(int width)
        {
            _firstNorm = Add("first_norm", new GroupNorm(width / GroupWidth, width));
            _first = Add("first", new Conv2d(width, width, 3, padding: 1, bias: false));
            _secondNorm = Add("second_norm", new GroupNorm(width / GroupWidth, width));
            _second = Add("second", new Conv2d(width, width, 3, padding: 1, bias: false));
        }

        public Tensor Forward(Tensor x)
        {
            using var scope = new Scope();
            var h = _first.Forward(_firstNorm.Forward(x).Relu());
            return scope.Keep(_second.Forward(_secondNorm.Forward(h).Relu(), residual: x));
        }

        public void Initialise(NoiseSource noise, double gain)
        {
            _first.Initialise(noise, Math.Sqrt(2));
            _second.Initialise(noise, Math.Sqrt(2) * gain);
        }
    }
}
