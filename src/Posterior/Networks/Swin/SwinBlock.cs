using Posterior.Torch;
using Posterior.Torch.Nn;

namespace Posterior.Networks.Swin;

/// <summary>A Swin transformer block (Liu et al. 2021, Eq. 3): window attention, shifted in every other block, and a perceptron, each behind a normalisation and beside a skip.</summary>
internal sealed class SwinBlock : Module
{
    private readonly LayerNorm _norm1, _norm2;
    private readonly WindowAttention _attention;
    private readonly Perceptron _perceptron;
    private readonly Parameter _mask;
    private readonly int _window, _shift, _trainingSize;

    public SwinBlock(SwinIrSettings settings, int heads, bool shifted)
    {
        (_window, _trainingSize) = (settings.EffectiveWindow, settings.ImgSize);
        _shift = shifted && settings.Shifts ? _window / 2 : 0;
        if (_shift > 0) _mask = AddBuffer("attn_mask", WindowMasks.Of(_trainingSize / _window * _window, _trainingSize / _window * _window, _window, _shift));
        _norm1 = Add("norm1", new LayerNorm(settings.EmbedDim));
        _attention = Add("attn", new WindowAttention(settings, heads));
        _norm2 = Add("norm2", new LayerNorm(settings.EmbedDim));
        _perceptron = Add("mlp", new Perceptron(settings.EmbedDim, (long)(settings.EmbedDim * settings.MlpRatio)));
    }

    /// <summary>The shift of the windows in pixels; 0 for none.</summary>
    public int Shift => _shift;

    /// <summary>Applies the block.</summary>
    /// <param name="x">Features with the channels last, <c>[N, H, W, width]</c>; sides are multiples of the window.</param>
    /// <param name="mask">The mask of a shifted block for this size (<see cref="MaskFor"/>).</param>
    public Tensor Forward(Tensor x, Tensor? mask)
    {
        using var scope = new Scope();
        var h = x + _attention.Forward(_norm1.Forward(x), _shift, mask);
        return scope.Keep(h + _perceptron.Forward(_norm2.Forward(h)));
    }

    /// <summary>The mask of a shifted block: that of the weights at the size of the training, else made anew; null for a block that does not shift.</summary>
    public Tensor? MaskFor(long height, long width, Device device) => _shift == 0 ? null
        : height == _trainingSize && width == _trainingSize ? _mask.Value
        : WindowMasks.Of(height, width, _window, _shift).To(device);

    public void Initialise(NoiseSource noise, double gain)
    {
        _attention.Initialise(noise);
        _perceptron.Initialise(noise, gain);
    }

    private sealed class Perceptron : Module
    {
        private readonly Linear _first, _second;

        public Perceptron(long width, long hidden)
        {
            _first = Add("fc1", new Linear(width, hidden));
            _second = Add("fc2", new Linear(hidden, width));
        }

        public Tensor Forward(Tensor x)
        {
            using var scope = new Scope();
            return scope.Keep(_second.Forward(_first.Forward(x).Gelu()));
        }

        public void Initialise(NoiseSource noise, double gain)
        {
            _first.Initialise(noise, Math.Sqrt(2));
            _second.Initialise(noise, gain);
        }
    }
}

/// <summary>Which pixels of a window are neighbours after a cyclic shift: those that came from the other edge of the image are not.</summary>
internal static class WindowMasks
{
    private const float Apart = -100;

    /// <summary>0 for neighbours and -100 for others, <c>[windows, tokens, tokens]</c>.</summary>
    /// <param name="height">Rows, a multiple of the window.</param>
    /// <param name="width">Columns, a multiple of the window.</param>
    /// <param name="window">The side of a window.</param>
    /// <param name="shift">By how many pixels the image was moved.</param>
    public static Tensor Of(long height, long width, int window, int shift)
    {
        var tokens = window * window;
        var masks = new float[height / window * (width / window) * tokens * tokens];
        var regions = new long[tokens];
        var at = 0;
        for (var top = 0L; top < height; top += window)
        {
            for (var left = 0L; left < width; left += window)
            {
                for (var i = 0; i < tokens; i++) regions[i] = 3 * Region(top + i / window, height) + Region(left + i % window, width);
                for (var i = 0; i < tokens; i++)
                    for (var j = 0; j < tokens; j++) masks[at++] = regions[i] == regions[j] ? 0 : Apart;
            }
        }
        return Tensor.From(masks, height / window * (width / window), tokens, tokens);

        // Before the last window, the unmoved part of the last window, and what came round.
        long Region(long position, long size) => position < size - window ? 0 : position < size - shift ? 1 : 2;
    }
}
