using Posterior.Diffusion;
using Posterior.Torch;
using Posterior.Torch.Nn;

namespace Posterior.Networks.Hdit;

/// <summary>
/// The hourglass diffusion transformer (Crowson et al. 2024, arXiv:2401.11605) with the keys of k-diffusion's <c>image_transformer_v2</c>: patches become
/// tokens, levels of attention at falling resolution, and back. With a <see cref="MeasurementCondition"/> it is Palette's network or InvFussion's.
/// </summary>
public sealed class HditNetwork : Module, IMeasurementConditioned
{
    private const int AugmentationNumbers = 9;

    private readonly Linear _patchIn, _patchOut, _timeIn, _augmentationIn;
    private readonly FourierFeatures _time, _augmentation;
    private readonly Embedding? _classes;
    private readonly Linear? _conditionIn;
    private readonly HditMapping _mapping;
    private readonly HditLayer[][] _down, _up;
    private readonly HditLayer[] _middle;
    private readonly TokenMerge[] _merges;
    private readonly TokenSplit[] _splits;
    private readonly RmsNorm _outNorm;

    /// <summary>A network of the given sizes, with zero weights.</summary>
    /// <exception cref="ArgumentException">The sizes contradict each other, or no level can see the operator.</exception>
    public HditNetwork(HditSettings settings)
    {
        Check(settings);
        Settings = settings;
        var (patch, levels, mapping) = (Patch(settings), settings.Widths.Count, settings.MappingWidth);
        _patchIn = Projection("patch_in", (settings.Condition == MeasurementCondition.None ? 1 : 2) * patch.Numbers, settings.Widths[0]);
        _time = Add("time_emb", new FourierFeatures(1, mapping));
        _timeIn = Add("time_in_proj", new Linear(mapping, mapping, bias: false));
        _augmentation = Add("aug_emb", new FourierFeatures(AugmentationNumbers, mapping));
        _augmentationIn = Add("aug_in_proj", new Linear(mapping, mapping, bias: false));
        if (settings.NumClasses > 0) _classes = Add("class_emb", new Embedding(settings.NumClasses, mapping));
        if (settings.MappingCondDim > 0) _conditionIn = Add("mapping_cond_in_proj", new Linear(settings.MappingCondDim, mapping, bias: false));
        _mapping = Add("mapping", new HditMapping(settings.MappingDepth, mapping, settings.MappingDFf));
        (_down, _up) = (new HditLayer[levels - 1][], new HditLayer[levels - 1][]);
        var pixels = patch;
        for (var level = 0; level < levels - 1; level++, pixels = pixels.Coarser) _down[level] = Level($"down_levels.{level}", level, 0, pixels);
        _middle = Level("mid_level", levels - 1, 0, pixels);
        pixels = patch;
        for (var level = 0; level < levels - 1; level++, pixels = pixels.Coarser) _up[level] = Level($"up_levels.{level}", level, settings.Depths[level], pixels);
        _merges = [.. Enumerable.Range(0, levels - 1).Select(level => Add($"merges.{level}", new TokenMerge(settings.Widths[level], settings.Widths[level + 1])))];
        _splits = [.. Enumerable.Range(0, levels - 1).Select(level => Add($"splits.{level}", new TokenSplit(settings.Widths[level + 1], settings.Widths[level])))];
        _outNorm = Add("out_norm", new RmsNorm(settings.Widths[0]));
        _patchOut = Projection("patch_out", settings.Widths[0], settings.OutputImages * patch.Numbers);

        // The layer is itself the child "proj" of a child in the published keys.
        Linear Projection(string name, int inputs, int outputs) => Add($"{name}.proj", new Linear(inputs, outputs, bias: false));
        HditLayer[] Level(string name, int level, int first, HditPatch pixels) =>
            [.. Enumerable.Range(0, settings.Depths[level]).Select(i => Add($"{name}.{i}", new HditLayer(settings, level, first + i, pixels)))];
    }

    /// <summary>The sizes.</summary>
    public HditSettings Settings { get; }

    /// <summary>The number format of matrix products; null for that of the weights. Residuals and norms keep the weights' own.</summary>
    public DType? ActivationType { get; set; }

    /// <inheritdoc/>
    public int ImageChannels => Settings.InputChannels;

    /// <inheritdoc/>
    public int Classes => Math.Max(0, Settings.NumClasses - 1);

    /// <inheritdoc/>
    public int SizeMultiple
    {
        get
        {
            var multiple = 1L;
            for (var level = 0; level < Settings.Widths.Count; level++)
            {
                var window = Settings.SelfAttns[level] is { Type: HditAttentionType.ShiftedWindow } shifted ? shifted.WindowSize : 1;
                foreach (var side in Settings.PatchSize) multiple = LeastCommonMultiple(multiple, ((long)side << level) * window);
            }
            return (int)multiple;
        }
    }

    /// <summary>The matrices of attention and feed-forward layers.</summary>
    /// <inheritdoc/>
    public override bool IsHiddenMatrix(string name, Tensor parameter) => name.Contains("_level", StringComparison.Ordinal) && name.EndsWith("_proj.weight", StringComparison.Ordinal);

    /// <summary>As in every network; of several output images the first may come from a network that has one.</summary>
    /// <inheritdoc/>
    public override IReadOnlyList<string> LoadPart(IReadOnlyDictionary<string, Tensor> tensors)
    {
        ArgumentNullException.ThrowIfNull(tensors);
        const string Outputs = "patch_out.proj.weight";
        var own = _patchOut.Weight;
        var fits = Settings.OutputImages > 1 && tensors.TryGetValue(Outputs, out var first) && first.Rank == 2 && first.Size(0) * Settings.OutputImages == own.Size(0) && first.Size(1) == own.Size(1);
        if (!fits) return base.LoadPart(tensors);
        using var scope = new Scope();
        using var gradients = new NoGrad();
        // Rows are (row, column, image, channel).
        var images = own.Reshape(-1, Settings.OutputImages, Settings.InputChannels, own.Size(1));
        first = tensors[Outputs].To(own.DType).Reshape(-1, 1, Settings.InputChannels, own.Size(1));
        var widened = Tensor.Cat([first, images.Narrow(1, 1, Settings.OutputImages - 1)], 1).Reshape(own.Shape);
        return [.. base.LoadPart(new Dictionary<string, Tensor>(tensors, StringComparer.Ordinal) { [Outputs] = widened }), $"{Outputs} but for the first image"];
    }

    /// <inheritdoc/>
    public bool TakesMeasurement => Settings.Condition != MeasurementCondition.None;

    /// <inheritdoc/>
    public bool SeesOperator => Settings.Condition == MeasurementCondition.Operator;

    /// <inheritdoc/>
    public Tensor Forward(Tensor x, Tensor noiseLabel, Tensor? labels = null) => Forward(x, noiseLabel, new HditConditions { Classes = labels });

    /// <inheritdoc/>
    public Tensor Forward(Tensor x, Tensor noiseLabel, MeasuredBatch measured, Tensor? labels = null) => Forward(x, noiseLabel, new HditConditions { Classes = labels, Measured = measured });

    /// <summary>Evaluates the network with every condition that it can have.</summary>
    /// <param name="x">Scaled noisy images, <c>[N, C, H, W]</c>.</param>
    /// <param name="noiseLabel"><c>ln(sigma) / 4</c>, <c>[N]</c>.</param>
    /// <param name="conditions">The conditions.</param>
    /// <returns><c>[N, C, H, W]</c>, with K times as many channels where K images come out.</returns>
    public Tensor Forward(Tensor x, Tensor noiseLabel, HditConditions conditions)
    {
        using var scope = new Scope();
        var dtype = _patchIn.DType;
        if (TakesMeasurement) x = Tensor.Cat([x, conditions.Measured?.PseudoInverse.To(x.DType) ?? x.ZerosLike()], 1);
        var (rows, columns) = (Settings.PatchSize[0], Settings.PatchSize[1]);
        var tokens = _patchIn.Forward(TokenGrid.OfImages(x.To(dtype), rows, columns));
        var condition = Condition(noiseLabel.To(dtype == DType.Float64 ? dtype : DType.Float32), conditions);
        var positions = AxialRope.Positions(tokens.Size(1), tokens.Size(2)).To(tokens.Device);
        var skips = new Stack<(Tensor Tokens, Tensor Positions)>();
        for (var level = 0; level < _down.Length; level++)
        {
            tokens = Through(_down[level], tokens, Pass());
            skips.Push((tokens, positions));
            tokens = _merges[level].Forward(tokens);
            positions = AxialRope.Merge(positions);
        }
        tokens = Through(_middle, tokens, Pass());
        for (var level = _up.Length - 1; level >= 0; level--)
        {
            (var skip, positions) = skips.Pop();
            tokens = Through(_up[level], _splits[level].Forward(tokens, skip), Pass());
        }
        return scope.Keep(TokenGrid.ToImages(_patchOut.Forward(_outNorm.Forward(tokens)), rows, columns));

        HditPass Pass() => new(positions, condition, conditions.Measured, ActivationType);
    }

    /// <summary>Random weights that keep the scale of the signal; each layer starts as the identity.</summary>
    /// <param name="noise">A source for a batch of one.</param>
    /// <param name="outputs">The standard deviation of the outputs; 0 for a network that starts as zero.</param>
    public void Initialise(NoiseSource noise, double outputs = 0)
    {
        if (outputs > 0) _patchOut.Initialise(noise, outputs);
        _time.Initialise(noise);
        _augmentation.Initialise(noise);
        foreach (var layer in new[] { _patchIn, _timeIn, _augmentationIn }.Concat(_merges.Select(merge => merge.Projection)).Concat(_splits.Select(split => split.Projection))) layer.Initialise(noise);
        _conditionIn?.Initialise(noise);
        if (_classes is not null) Initialisation.Normal(_classes.Weight, null, Math.Sqrt(Settings.MappingWidth), noise);
        _mapping.Initialise(noise);
        foreach (var layer in _down.Concat(_up).Append(_middle).SelectMany(level => level)) layer.Initialise(noise);
    }

    private static Tensor Through(HditLayer[] layers, Tensor x, HditPass pass)
    {
        foreach (var layer in layers) x = layer.Forward(x, pass);
        return x;
    }

    private Tensor Condition(Tensor noiseLabel, HditConditions given)
    {
        using var scope = new Scope();
        var (n, dtype) = (noiseLabel.Size(0), _timeIn.DType);
        var sum = _timeIn.Forward(_time.Forward(noiseLabel.Unsqueeze(1), dtype))
            + _augmentationIn.Forward(_augmentation.Forward(given.Augmentation?.To(noiseLabel.DType) ?? Tensor.Zeros([n, AugmentationNumbers], noiseLabel.DType, noiseLabel.Device), dtype));
        if (_classes is not null) sum += _classes.Forward(given.Classes ?? Tensor.Full([n], Classes, DType.Int64, noiseLabel.Device));
        if (_conditionIn is not null && given.Mapping is not null) sum += _conditionIn.Forward(given.Mapping);
        return scope.Keep(_mapping.Forward(sum));
    }

    private static HditPatch Patch(HditSettings settings) => new(settings.InputChannels, settings.PatchSize[0], settings.PatchSize[1]);

    private static void Check(HditSettings settings)
    {
        var levels = settings.Widths.Count;
        if (levels == 0 || settings.Depths.Count != levels || settings.DFfs.Count != levels || settings.SelfAttns.Count != levels)
            throw new ArgumentException($"expected widths, depths, d_ffs and self_attns for the same levels, found {levels}, {settings.Depths.Count}, {settings.DFfs.Count} and {settings.SelfAttns.Count}");
        if (settings.PatchSize is not [> 0, > 0]) throw new ArgumentException("patch_size: expected rows and columns");
        if (settings.Depths.Append(settings.MappingDepth).FirstOrDefault(depth => depth is < 0 or > 1000) is not 0 and var depth) throw new ArgumentException($"expected depths of 0 to 1000 blocks, found {depth}");
        if (settings.Condition != MeasurementCondition.Operator) return;
        var (patch, needs) = (Patch(settings), new List<string>());
        for (var level = 0; level < levels; level++, patch = patch.Coarser)
        {
            if (settings.SelfAttns[level].Type == HditAttentionType.None) needs.Add($"level {level} has no attention");
            else if (settings.Widths[level] % patch.Numbers == 0) return;
            else needs.Add($"level {level} needs a multiple of {patch.Numbers} ({patch.Channels} channels x {patch.Rows} x {patch.Columns} pixels of a token), found {settings.Widths[level]}");
        }
        throw new ArgumentException($"no width allows a feature degradation layer: {string.Join("; ", needs)}");
    }

    private static long LeastCommonMultiple(long a, long b)
    {
        var (x, y) = (a, b);
        while (y != 0) (x, y) = (y, x % y);
        return a / x * b;
    }

    private sealed class TokenMerge : Module
    {
        public TokenMerge(int width, int next) => Projection = Add("proj", new Linear(4 * width, next, bias: false));

        public Linear Projection { get; }

        public Tensor Forward(Tensor x)
        {
            using var scope = new Scope();
            return scope.Keep(Projection.Forward(TokenGrid.Merge(x, 2, 2)));
        }
    }

    private sealed class TokenSplit : Module
    {
        private readonly Parameter _share;

        public TokenSplit(int width, int finer)
        {
            _share = AddParameter("fac", Tensor.Full([1], 0.5));
            Projection = Add("proj", new Linear(width, 4 * finer, bias: false));
        }

        public Linear Projection { get; }

        public Tensor Forward(Tensor x, Tensor skip)
        {
            using var scope = new Scope();
            return scope.Keep(skip.AddProduct(TokenGrid.Split(Projection.Forward(x), 2, 2) - skip, _share));
        }
    }
}

/// <summary>What an <see cref="HditNetwork"/> may be told beside the noise level; what is null is absent.</summary>
public sealed record HditConditions
{
    /// <summary>The class of each image, Int64 <c>[N]</c>; the last row of the table is "no class".</summary>
    public Tensor? Classes { get; init; }

    /// <summary>Nine numbers that describe the augmentation, <c>[N, 9]</c>; absent means zeros.</summary>
    public Tensor? Augmentation { get; init; }

    /// <summary>The additional condition, <c>[N, mapping_cond_dim]</c>.</summary>
    public Tensor? Mapping { get; init; }

    /// <summary>The measurement with its operators.</summary>
    public MeasuredBatch? Measured { get; init; }
}
