using Posterior.Networks.Adm;
using Posterior.Torch;
using Posterior.Torch.Nn;

namespace Posterior.Networks.Edm2;

/// <summary>EDM2's Block (Karras et al. 2024, Fig. 21): a residual block without biases or group normalisation, with the embedding as a gain, perhaps with resampling and attention.</summary>
public sealed class Edm2Block : Module
{
    private readonly Parameter _gain;
    private readonly Edm2Convolution _first, _second;
    private readonly Edm2Convolution? _skip, _qkv, _projection;
    private readonly Edm2Linear _embedding;
    private readonly Edm2Settings _settings;
    private readonly Resampling _resampling;
    private readonly bool _encoder;
    private readonly long _heads;

    /// <summary>A block with zero weights, to be loaded.</summary>
    /// <param name="inputs">Channels in, skip connections included.</param>
    /// <param name="outputs">Channels out.</param>
    /// <param name="settings">The settings of the network.</param>
    /// <param name="encoder">Whether the block normalises its input, after the skip convolution; blocks of the decoder have that convolution beside the branch.</param>
    /// <param name="resampling">What happens to height and width.</param>
    /// <param name="attention">Whether it has attention, if it is wide enough.</param>
    /// <exception cref="ArgumentException">The heads do not divide the width.</exception>
    public Edm2Block(long inputs, long outputs, Edm2Settings settings, bool encoder, Resampling resampling = Resampling.None, bool attention = false)
    {
        ArgumentNullException.ThrowIfNull(settings);
        (_settings, _encoder, _resampling, OutputChannels) = (settings, encoder, resampling, outputs);
        _heads = attention ? outputs / settings.ChannelsPerHead : 0;
        if (_heads > 0 && outputs % _heads != 0) throw new ArgumentException($"attention over {outputs} channels cannot have {_heads} heads: expected a divisor", nameof(settings));
        _gain = AddParameter("emb_gain", Tensor.Zeros([]));
        _first = Add("conv_res0", new Edm2Convolution(encoder ? outputs : inputs, outputs, 3));
        _embedding = Add("emb_linear", new Edm2Linear(settings.EmbeddingChannels, outputs));
        _second = Add("conv_res1", new Edm2Convolution(outputs, outputs, 3));
        if (inputs != outputs) _skip = Add("conv_skip", new Edm2Convolution(inputs, outputs, 1));
        if (_heads == 0) return;
        _qkv = Add("attn_qkv", new Edm2Convolution(outputs, 3 * outputs, 1));
        _projection = Add("attn_proj", new Edm2Convolution(outputs, outputs, 1));
    }

    /// <summary>Channels out.</summary>
    public long OutputChannels { get; }

    /// <summary>Applies the block to features <c>[N, C, H, W]</c> with the activated embedding <c>[N, EmbeddingChannels]</c>.</summary>
    public Tensor Forward(Tensor x, Tensor embedding)
    {
        using var scope = new Scope();
        x = MagnitudePreserving.Resample(x, _resampling, _settings.ResampleFilter);
        if (_encoder) x = MagnitudePreserving.Normalise(_skip?.Forward(x) ?? x, 1);
        var h = _first.Forward(MagnitudePreserving.Silu(x));
        var gain = _embedding.Forward(embedding, _gain) + 1;
        h = _second.Forward(MagnitudePreserving.Silu(h * gain.Unsqueeze(2).Unsqueeze(3).To(h.DType)));
        if (!_encoder) x = _skip?.Forward(x) ?? x;
        x = MagnitudePreserving.Sum(x, h, _settings.ResBalance);
        if (_heads > 0) x = MagnitudePreserving.Sum(x, Attend(x), _settings.AttnBalance);
        return scope.Keep(_settings.ClipAct is { } limit ? x.Clamp(-limit, limit) : x);
    }

    // The channels of one convolution are ordered [head][ch][q, k, v]; each is normalised over the channels of its head.
    private Tensor Attend(Tensor x)
    {
        var (batch, channels, height, width) = (x.Size(0), x.Size(1), x.Size(2), x.Size(3));
        var parts = MagnitudePreserving.Normalise(_qkv!.Forward(x).Reshape(batch, _heads, channels / _heads, 3, height * width), 2);
        var attended = Attention.Apply(parts.Select(3, 0), parts.Select(3, 1), parts.Select(3, 2));
        return _projection!.Forward(Attention.ToImage(attended, height, width));
    }
}
