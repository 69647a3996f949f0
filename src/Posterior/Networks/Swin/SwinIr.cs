using System.Globalization;
using Posterior.Diffusion;
using Posterior.Torch;
using Posterior.Torch.Nn;

namespace Posterior.Networks.Swin;

/// <summary>
/// SwinIR (Liang, Cao, Sun, Zhang, Van Gool, Timofte 2021, arXiv:2108.10257; KAIR models/network_swinir.py), with the published key names: convolutions around residual groups of
/// window attention. One network for each task; super-resolution takes the small picture. Pictures of any size in [0, 1].
/// </summary>
public sealed class SwinIr : Module, IRestorationNetwork
{
    // The mean colour of DIV2K, as the published networks subtract it.
    private static readonly float[] _rgbMean = [0.4488f, 0.4371f, 0.4040f];

    private readonly Conv2d _first;
    private readonly Parameter _positions;
    private readonly ModuleGroup? _patchEmbed;
    private readonly LayerNorm? _patchNorm;
    private readonly List<ResidualGroup> _groups = [];
    private readonly LayerNorm _norm;
    private readonly GroupConvolution _afterBody;
    private readonly SwinIrReconstruction _reconstruction;

    /// <summary>A network with zero weights, to be loaded or initialised.</summary>
    /// <exception cref="ArgumentException">The settings contradict each other.</exception>
    public SwinIr(SwinIrSettings settings)
    {
        ArgumentNullException.ThrowIfNull(settings);
        settings.Validate();
        Settings = settings;
        if (settings.Ape) _positions = AddParameter("absolute_pos_embed", Tensor.Zeros([1, (long)settings.ImgSize * settings.ImgSize, settings.EmbedDim]));
        _first = Add("conv_first", new Conv2d(settings.InChans, settings.EmbedDim, 3, padding: 1));
        if (settings.PatchNorm)
        {
            _patchEmbed = Add("patch_embed", new ModuleGroup());
            _patchNorm = _patchEmbed.With("norm", new LayerNorm(settings.EmbedDim));
        }
        var layers = Add("layers", new ModuleGroup());
        for (var i = 0; i < settings.Depths.Count; i++)
            _groups.Add(layers.With(i.ToString(CultureInfo.InvariantCulture), new ResidualGroup(settings, settings.Depths[i], settings.NumHeads[i])));
        _norm = Add("norm", new LayerNorm(settings.EmbedDim));
        _afterBody = new GroupConvolution(settings);
        Add("conv_after_body", _afterBody.Module);
        _reconstruction = new SwinIrReconstruction(settings, (name, layer) => Add(name, layer));
    }

    /// <summary>The settings.</summary>
    public SwinIrSettings Settings { get; }

    /// <inheritdoc/>
    public int ImageChannels => Settings.InChans;

    /// <inheritdoc/>
    public int Scale => Settings.Upscale;

    /// <summary>1: the network continues images to whole windows itself.</summary>
    public int SizeMultiple => 1;

    /// <inheritdoc/>
    public int TileMultiple => Settings.WindowSize;

    /// <inheritdoc/>
    public double FinestChannels => Settings.EmbedDim;

    /// <inheritdoc/>
    public bool TakesNoiseLevel => false;

    /// <summary>Restores <c>[N, C, H, W]</c> in [0, 1] to <c>[N, C, H Upscale, W Upscale]</c>.</summary>
    /// <exception cref="ArgumentException">The network has absolute positions, and the images are of another size than its training's.</exception>
    public Tensor Forward(Tensor x)
    {
        using var scope = new Scope();
        var (height, width) = (x.Size(2), x.Size(3));
        var mean = Settings.InChans == 3 ? Tensor.From(_rgbMean, 1, 3, 1, 1).To(x.Device).To(x.DType) : Tensor.Zeros([1, 1, 1, 1], x.DType, x.Device);
        var input = ((ImageBorder.Extend(x, Settings.WindowSize) - mean) * Settings.ImgRange).To(DType).Contiguous(channelsLast: true);
        var shallow = _first.Forward(input);
        var deep = _afterBody.Forward(Body(shallow)) + shallow;
        var result = _reconstruction.Forward(deep, input).To(x.DType) * (1 / Settings.ImgRange) + mean;
        return scope.Keep(result.Narrow(2, 0, height * Scale).Narrow(3, 0, width * Scale));
    }

    /// <inheritdoc/>
    public Tensor Restore(Tensor x, Tensor noiseLevels) => Forward(x);

    /// <summary>
    /// Random weights that keep the scale of the signal. Without enlargement the network starts as the identity; with the light one it starts by repeating pixels: its first
    /// channels are those of the picture, which pass along the skip around all blocks.
    /// </summary>
    public void Initialise(NoiseSource noise)
    {
        _first.Initialise(noise);
        var blocks = 2 * Settings.Depths.Sum();
        foreach (var group in _groups) group.Initialise(noise, 1 / Math.Sqrt(blocks));
        Initialisation.CopyChannels(_first.Weight, Settings.InChans);
        _afterBody.Initialise(noise, 0);
        _reconstruction.Initialise(noise);
    }

    // Between convolutions features have their channels last in shape, not only in memory: the transposition is a view.
    private Tensor Body(Tensor x)
    {
        using var scope = new Scope();
        var h = x.Permute(0, 2, 3, 1);
        if (_patchNorm is not null) h = _patchNorm.Forward(h);
        if (_positions.Exists)
        {
            if (h.Size(1) != Settings.ImgSize || h.Size(2) != Settings.ImgSize) throw new ArgumentException($"a network with absolute positions takes images of {Settings.ImgSize}x{Settings.ImgSize}, found {h.Size(2)}x{h.Size(1)}", nameof(x));
            h += _positions.Value.Reshape(1, Settings.ImgSize, Settings.ImgSize, Settings.EmbedDim);
        }
        var mask = _groups.Select(group => group.MaskFor(h.Size(1), h.Size(2), h.Device)).FirstOrDefault(found => found is not null);
        foreach (var group in _groups)
        {
            using var step = new Scope();
            h = step.Keep(group.Forward(h, mask));
        }
        return scope.Keep(_norm.Forward(h).Permute(0, 3, 1, 2));
    }
}

/// <summary>SwinIR's RSTB: transformer blocks, a convolution, and a skip around both.</summary>
internal sealed class ResidualGroup : Module
{
    private readonly List<SwinBlock> _blocks = [];
    private readonly GroupConvolution _convolution;

    public ResidualGroup(SwinIrSettings settings, int depth, int heads)
    {
        var blocks = Add("residual_group", new ModuleGroup()).With("blocks", new ModuleGroup());
        for (var i = 0; i < depth; i++) _blocks.Add(blocks.With(i.ToString(CultureInfo.InvariantCulture), new SwinBlock(settings, heads, shifted: i % 2 == 1)));
        _convolution = new GroupConvolution(settings);
        Add("conv", _convolution.Module);
    }

    /// <summary>Applies the group to <c>[N, H, W, width]</c>.</summary>
    public Tensor Forward(Tensor x, Tensor? mask)
    {
        using var scope = new Scope();
        var h = x;
        foreach (var block in _blocks)
        {
            using var step = new Scope();
            h = step.Keep(block.Forward(h, block.Shift > 0 ? mask : null));
        }
        return scope.Keep(_convolution.Forward(h.Permute(0, 3, 1, 2)).Permute(0, 2, 3, 1) + x);
    }

    public Tensor? MaskFor(long height, long width, Device device) => _blocks.FirstOrDefault(block => block.Shift > 0)?.MaskFor(height, width, device);

    public void Initialise(NoiseSource noise, double gain)
    {
        foreach (var block in _blocks) block.Initialise(noise, gain);
        _convolution.Initialise(noise, gain);
    }
}

/// <summary>A name between a module and its children that has no weights of its own.</summary>
internal sealed class ModuleGroup : Module
{
    /// <summary>Registers a child.</summary>
    public T With<T>(string name, T child)
        where T : Module => Add(name, child);
}
