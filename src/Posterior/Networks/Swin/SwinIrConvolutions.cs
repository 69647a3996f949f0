using Posterior.Torch;
using Posterior.Torch.Nn;

namespace Posterior.Networks.Swin;

/// <summary>The convolution behind a residual group: one of 3 x 3, or three through a quarter of the width.</summary>
internal sealed class GroupConvolution
{
    private const double Slope = 0.2;

    private readonly Conv2d[] _layers;

    public GroupConvolution(SwinIrSettings settings)
    {
        long width = settings.EmbedDim, narrow = width / 4;
        if (settings.ResiConnection == "1conv")
        {
            _layers = [new Conv2d(width, width, 3, padding: 1)];
            Module = _layers[0];
            return;
        }
        _layers = [new Conv2d(width, narrow, 3, padding: 1), new Conv2d(narrow, narrow, 1), new Conv2d(narrow, width, 3, padding: 1)];
        var sequence = new ModuleGroup();
        for (var i = 0; i < _layers.Length; i++) sequence.With($"{2 * i}", _layers[i]);
        Module = sequence;
    }

    /// <summary>What holds the weights.</summary>
    public Module Module { get; }

    /// <summary>Applies it to <c>[N, width, H, W]</c>.</summary>
    public Tensor Forward(Tensor x)
    {
        using var scope = new Scope();
        for (var i = 0; i < _layers.Length; i++) x = i == 0 ? _layers[i].Forward(x) : _layers[i].Forward(x.LeakyRelu(Slope));
        return scope.Keep(x);
    }

    public void Initialise(NoiseSource noise, double gain = 1)
    {
        for (var i = 0; i < _layers.Length; i++) _layers[i].Initialise(noise, i < _layers.Length - 1 ? Math.Sqrt(2) : gain);
    }
}

/// <summary>The last part of <see cref="SwinIr"/>: from features to the picture, enlarged as its settings say.</summary>
internal sealed class SwinIrReconstruction
{
    private const long Features = 64;
    private const double Slope = 0.2, FirstSlope = 0.01;

    private readonly Conv2d? _before, _up1, _up2, _refine;
    private readonly List<(Conv2d Convolution, long Factor)> _shuffles = [];
    private readonly Conv2d? _last;

    public SwinIrReconstruction(SwinIrSettings settings, Action<string, Module> register)
    {
        long width = settings.EmbedDim, channels = settings.InChans;
        switch (settings.Upsampler)
        {
            case "pixelshuffle":
                _before = Numbered("conv_before_upsample", width);
                var upsample = new ModuleGroup();
                register("upsample", upsample);
                if (settings.Upscale == 3) Shuffle(0, 3);
                else for (var i = 0; i < int.Log2(settings.Upscale); i++) Shuffle(2 * i, 2);
                _last = Layer("conv_last", Features, channels);
                void Shuffle(int index, long factor) => _shuffles.Add((upsample.With($"{index}", new Conv2d(Features, factor * factor * Features, 3, padding: 1)), factor));
                break;
            case "pixelshuffledirect":
                var direct = new ModuleGroup();
                register("upsample", direct);
                _shuffles.Add((direct.With("0", new Conv2d(width, (long)settings.Upscale * settings.Upscale * channels, 3, padding: 1)), settings.Upscale));
                break;
            case "nearest+conv":
                _before = Numbered("conv_before_upsample", width);
                _up1 = Layer("conv_up1", Features, Features);
                if (settings.Upscale == 4) _up2 = Layer("conv_up2", Features, Features);
                _refine = Layer("conv_hr", Features, Features);
                _last = Layer("conv_last", Features, channels);
                break;
            default:
                _last = Layer("conv_last", width, channels);
                AddsInput = true;
                break;
        }

        Conv2d Layer(string name, long inputs, long outputs)
        {
            var layer = new Conv2d(inputs, outputs, 3, padding: 1);
            register(name, layer);
            return layer;
        }

        Conv2d Numbered(string name, long inputs)
        {
            var group = new ModuleGroup();
            register(name, group);
            return group.With("0", new Conv2d(inputs, Features, 3, padding: 1));
        }
    }

    /// <summary>Whether the network predicts what is added to its input.</summary>
    private bool AddsInput { get; }

    /// <summary>The picture, in the network's own range.</summary>
    /// <param name="x">Features, <c>[N, width, H, W]</c>.</param>
    /// <param name="input">The network's input.</param>
    public Tensor Forward(Tensor x, Tensor input)
    {
        using var scope = new Scope();
        if (_before is not null) x = _before.Forward(x).LeakyRelu(FirstSlope);
        foreach (var (convolution, factor) in _shuffles) x = convolution.Forward(x).PixelShuffle(factor).Contiguous(channelsLast: true);
        if (_up1 is not null) x = Double(_up1, x);
        if (_up2 is not null) x = Double(_up2, x);
        if (_refine is not null) x = _refine.Forward(x).LeakyRelu(Slope);
        if (_last is not null) x = _last.Forward(x);
        return scope.Keep(AddsInput ? x + input : x);

        static Tensor Double(Conv2d convolution, Tensor x) => convolution.Forward(x.UpsampleNearest(2 * x.Size(2), 2 * x.Size(3))).LeakyRelu(Slope);
    }

    public void Initialise(NoiseSource noise)
    {
        foreach (var layer in new[] { _before, _up1, _up2, _refine }) layer?.Initialise(noise, Math.Sqrt(2));
        foreach (var (convolution, factor) in _shuffles)
        {
            convolution.Initialise(noise, _last is null ? 0 : 1);
            if (_last is null) Initialisation.CopyChannels(convolution.Weight, convolution.Weight.Size(0) / (factor * factor), factor * factor);
        }
        _last?.Initialise(noise, AddsInput ? 0 : 1);
    }
}
