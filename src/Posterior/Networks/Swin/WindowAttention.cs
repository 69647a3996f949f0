using Posterior.Torch;
using Posterior.Torch.Nn;

namespace Posterior.Networks.Swin;

/// <summary>Self-attention inside windows with a learned bias for each relative position (Liu et al. 2021, arXiv:2103.14030, Eq. 4), with the published key names.</summary>
internal sealed class WindowAttention : Module
{
    private readonly Parameter _bias, _index;
    private readonly Linear _qkv, _projection;
    private readonly int _heads, _window;
    private readonly double _scale;

    public WindowAttention(SwinIrSettings settings, int heads)
    {
        (_heads, _window) = (heads, settings.EffectiveWindow);
        _scale = settings.QkScale ?? 1 / Math.Sqrt((double)settings.EmbedDim / heads);
        var positions = 2L * _window - 1;
        _bias = AddParameter("relative_position_bias_table", Tensor.Zeros([positions * positions, heads]));
        _index = AddBuffer("relative_position_index", RelativePositions(_window));
        _qkv = Add("qkv", new Linear(settings.EmbedDim, 3L * settings.EmbedDim, settings.QkvBias));
        _projection = Add("proj", new Linear(settings.EmbedDim, settings.EmbedDim));
    }

    /// <summary>Applies attention inside windows.</summary>
    /// <param name="x">Features with the channels last, <c>[N, H, W, width]</c>; sides are multiples of the window.</param>
    /// <param name="shift">The shift of the windows in pixels.</param>
    /// <param name="mask">What is added to the logits of each window of an image, <c>[windows, tokens, tokens]</c>; null for nothing.</param>
    public Tensor Forward(Tensor x, int shift, Tensor? mask)
    {
        using var scope = new Scope();
        var tokens = (long)_window * _window;
        var bias = _bias.Value.IndexSelect(0, _index.Value.Flatten()).Reshape(tokens, tokens, _heads).Permute(2, 0, 1);
        return scope.Keep(_projection.Forward(WindowSelfAttention.Forward(_qkv.Forward(x), _heads, _window, shift, _scale, bias, mask)));
    }

    public void Initialise(NoiseSource noise)
    {
        Initialisation.Normal(_bias, null, 0.02 * Math.Sqrt(_heads), noise);
        _qkv.Initialise(noise);
        _projection.Initialise(noise);
    }

    // Row and column distance of two pixels of a window, each from 0 to 2 window - 2, as one number.
    private static Tensor RelativePositions(int window)
    {
        var tokens = window * window;
        var indices = new long[tokens * tokens];
        for (var i = 0; i < tokens; i++)
            for (var j = 0; j < tokens; j++)
                indices[i * tokens + j] = (i / window - j / window + window - 1L) * (2L * window - 1) + (i % window - j % window + window - 1L);
        return Tensor.From(indices, tokens, tokens);
    }
}
