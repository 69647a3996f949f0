using Posterior.Torch;
using Posterior.Torch.Nn;

namespace Posterior.Networks.Ddpm;

/// <summary>DDPM's ResnetBlock: two normalised convolutions with the time added in between, beside a skip connection.</summary>
public sealed class DdpmResidualBlock : Module
{
    internal const double Epsilon = 1e-6;

    private readonly GroupNorm _norm1, _norm2;
    private readonly Conv2d _convolution1, _convolution2;
    private readonly Conv2d? _shortcut;
    private readonly Linear _time;

    /// <summary>A block with zero weights, to be loaded.</summary>
    public DdpmResidualBlock(long inputs, long outputs, long embeddingChannels)
    {
        _norm1 = Add("norm1", new GroupNorm(32, inputs, Epsilon));
        _convolution1 = Add("conv1", new Conv2d(inputs, outputs, 3, padding: 1));
        _time = Add("temb_proj", new Linear(embeddingChannels, outputs));
        _norm2 = Add("norm2", new GroupNorm(32, outputs, Epsilon));
        _convolution2 = Add("conv2", new Conv2d(outputs, outputs, 3, padding: 1));
        if (inputs != outputs) _shortcut = Add("nin_shortcut", new Conv2d(inputs, outputs, 1));
    }

    /// <summary>Applies the block to features <c>[N, C, H, W]</c>.</summary>
    /// <param name="x">The features.</param>
    /// <param name="activatedEmbedding">SiLU of the time embedding, <c>[N, embeddingChannels]</c>.</param>
    public Tensor Forward(Tensor x, Tensor activatedEmbedding)
    {
        using var scope = new Scope();
        var time = _time.Forward(activatedEmbedding).Unsqueeze(2).Unsqueeze(3);
        var h = _convolution1.ForwardModulated(_norm1.Forward(x, silu: true), scale: null, shift: time);
        return scope.Keep(_convolution2.Forward(_norm2.Forward(h, silu: true, overwrites: true), residual: _shortcut?.Forward(x) ?? x, overwrites: _shortcut is not null));
    }
}

/// <summary>DDPM's AttnBlock: normalised self-attention with one head over the pixels, added to its input.</summary>
public sealed class DdpmAttentionBlock : Module
{
    private readonly GroupNorm _norm;
    private readonly Conv2d _q, _k, _v, _projection;

    /// <summary>A block with zero weights, to be loaded.</summary>
    public DdpmAttentionBlock(long channels)
    {
        _norm = Add("norm", new GroupNorm(32, channels, DdpmResidualBlock.Epsilon));
        _q = Add("q", new Conv2d(channels, channels, 1));
        _k = Add("k", new Conv2d(channels, channels, 1));
        _v = Add("v", new Conv2d(channels, channels, 1));
        _projection = Add("proj_out", new Conv2d(channels, channels, 1));
    }

    /// <summary>Applies the block to features <c>[N, C, H, W]</c>.</summary>
    public Tensor Forward(Tensor x)
    {
        using var scope = new Scope();
        var h = _norm.Forward(x);
        var attended = Attention.Apply(Tokens(_q.Forward(h)), Tokens(_k.Forward(h)), Tokens(_v.Forward(h)));
        return scope.Keep(_projection.Forward(Attention.ToImage(attended, x.Size(2), x.Size(3)), residual: x));

        static Tensor Tokens(Tensor image) => image.Reshape(image.Size(0), 1, image.Size(1), image.Size(2) * image.Size(3));
    }
}

/// <summary>DDPM's Downsample and Upsample, with a convolution (key <c>conv</c>) or without.</summary>
public sealed class DdpmResampler : Module
{
    private readonly Conv2d? _convolution;
    private readonly bool _up;

    /// <summary>A layer with zero weights, to be loaded.</summary>
    public DdpmResampler(long channels, bool up, bool convolution)
    {
        _up = up;
        if (convolution) _convolution = Add("conv", new Conv2d(channels, channels, 3, stride: up ? 1 : 2, padding: up ? 1 : 0));
    }

    /// <summary>Doubles or halves height and width of <c>[N, C, H, W]</c>.</summary>
    public Tensor Forward(Tensor x)
    {
        using var scope = new Scope();
        if (_up)
        {
            var doubled = x.UpsampleNearest(2 * x.Size(2), 2 * x.Size(3));
            return scope.Keep(_convolution?.Forward(doubled) ?? doubled);
        }

        // The zero border is at the bottom and at the right only, as TensorFlow pads a strided convolution.
        return scope.Keep(_convolution?.Forward(x.Pad([0, 1, 0, 1])) ?? x.AveragePool(2, 2));
    }
}
