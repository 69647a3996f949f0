using Posterior.Networks.Adm;
using Posterior.Torch;
using Posterior.Torch.Nn;

namespace Posterior.Networks.Edm;

/// <summary>What the blocks of one EDM network have in common.</summary>
public sealed record EdmBlockSettings
{
    /// <summary>The width of the embedding.</summary>
    public required long EmbeddingChannels { get; init; }

    /// <summary>The number of attention heads; null for one for every 64 channels.</summary>
    public int? NumHeads { get; init; }

    /// <summary>What the sum of branch and skip is multiplied by.</summary>
    public double SkipScale { get; init; } = 1;

    /// <summary>Added to the variance of normalised features.</summary>
    public double Epsilon { get; init; } = 1e-5;

    /// <summary>The resampling filter.</summary>
    public IReadOnlyList<int> ResampleFilter { get; init; } = [1, 1];

    /// <summary>Whether resampling blocks always have a convolution in their skip.</summary>
    public bool ResampleProj { get; init; }

    /// <summary>Whether the embedding scales and shifts normalised features (true) or is added before (false).</summary>
    public bool AdaptiveScale { get; init; } = true;
}

/// <summary>EDM's UNetBlock: a residual block with the embedding in between, perhaps with resampling and self-attention; it unites DDPM++, NCSN++ and ADM.</summary>
public sealed class EdmBlock : Module
{
    private const int ChannelsPerHead = 64;

    private readonly GroupNorm _norm0, _norm1;
    private readonly GroupNorm? _norm2;
    private readonly EdmConvolution _convolution0, _convolution1;
    private readonly EdmConvolution? _skip, _qkv, _projection;
    private readonly Linear _affine;
    /// <summary>The gain of layers whose result is added to something that carries the signal already.</summary>
    internal const double StartGain = 1e-5;

    private readonly EdmBlockSettings _settings;
    private readonly long _heads;

    /// <summary>A block with zero weights, to be loaded.</summary>
    /// <exception cref="ArgumentException">The heads do not divide the width.</exception>
    public EdmBlock(long inputs, long outputs, EdmBlockSettings settings, Resampling resampling = Resampling.None, bool attention = false)
    {
        ArgumentNullException.ThrowIfNull(settings);
        (_settings, InputChannels) = (settings, inputs);

        // A block narrower than 64 channels silently has no attention where heads are counted by width.
        _heads = attention ? settings.NumHeads ?? outputs / ChannelsPerHead : 0;
        if (_heads > 0 && outputs % _heads != 0) throw new ArgumentException($"attention over {outputs} channels cannot have {_heads} heads: expected a divisor", nameof(settings));
        _norm0 = Add("norm0", Norm(inputs, settings.Epsilon));
        _convolution0 = Add("conv0", new EdmConvolution(inputs, outputs, 3, resampling, settings.ResampleFilter));
        _affine = Add("affine", new Linear(settings.EmbeddingChannels, settings.AdaptiveScale ? 2 * outputs : outputs));
        _norm1 = Add("norm1", Norm(outputs, settings.Epsilon));
        _convolution1 = Add("conv1", new EdmConvolution(outputs, outputs, 3));
        if (inputs != outputs || resampling != Resampling.None)
            _skip = Add("skip", new EdmConvolution(inputs, outputs, settings.ResampleProj || inputs != outputs ? 1 : 0, resampling, settings.ResampleFilter));
        if (_heads == 0) return;
        _norm2 = Add("norm2", Norm(outputs, settings.Epsilon));
        _qkv = Add("qkv", new EdmConvolution(outputs, 3 * outputs, 1));
        _projection = Add("proj", new EdmConvolution(outputs, outputs, 1));
    }

    /// <summary>The channels that go in, skip connections included.</summary>
    public long InputChannels { get; }

    /// <summary>Applies the block to features <c>[N, C, H, W]</c> with the activated embedding <c>[N, EmbeddingChannels]</c>.</summary>
    public Tensor Forward(Tensor x, Tensor embedding)
    {
        using var scope = new Scope();
        var h = _convolution0.Forward(_norm0.Forward(x, silu: true));
        var affine = _affine.Forward(embedding).To(h.DType).Unsqueeze(2).Unsqueeze(3);
        if (_settings.AdaptiveScale)
        {
            var (scale, shift) = affine.Chunk(2, 1) is [var first, var second] ? (first, second) : throw new InvalidOperationException();
            h = _norm1.Forward(h, silu: true, scale, shift, overwrites: true);
        }
        else
        {
            h = _norm1.Forward(h + affine, silu: true, overwrites: true);
        }
        h = ((_skip?.Forward(x) ?? x) + _convolution1.Forward(h)) * _settings.SkipScale;
        return scope.Keep(_heads == 0 ? h : (h + Attend(h)) * _settings.SkipScale);
    }

    /// <summary>Random weights, as in the published constructor: what a block and its attention add starts at (nearly) zero.</summary>
    public void Initialise(NoiseSource noise)
    {
        _convolution0.Initialise(noise);
        _affine.Initialise(noise);
        _convolution1.Initialise(noise, StartGain);
        _skip?.Initialise(noise);
        _qkv?.Initialise(noise);
        _projection?.Initialise(noise, StartGain);
    }

    /// <summary>Group normalisation with at most 32 groups of at least 4 channels.</summary>
    internal static GroupNorm Norm(long channels, double epsilon) => new(Math.Min(32, channels / 4), channels, epsilon);

    // The channels of one convolution are ordered [head][ch][q, k, v].
    private Tensor Attend(Tensor h)
    {
        var (batch, channels, height, width) = (h.Size(0), h.Size(1), h.Size(2), h.Size(3));
        var parts = _qkv!.Forward(_norm2!.Forward(h)).Reshape(batch, _heads, channels / _heads, 3, height * width);
        var attended = Attention.Apply(parts.Select(3, 0), parts.Select(3, 1), parts.Select(3, 2));
        return _projection!.Forward(Attention.ToImage(attended, height, width));
    }
}
