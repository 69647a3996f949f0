using Posterior.Torch;
using Posterior.Torch.Nn;

namespace Posterior.Networks.Adm;

/// <summary>guided-diffusion's Downsample and Upsample: resampling outside residual blocks, with a convolution (keys <c>op</c> and <c>conv</c>) or without.</summary>
public sealed class AdmResampler : Module
{
    private readonly Conv2d? _convolution;
    private readonly bool _up;

    /// <summary>A layer with zero weights, to be loaded.</summary>
    public AdmResampler(long channels, bool up, bool convolution)
    {
        _up = up;
        if (convolution) _convolution = Add(up ? "conv" : "op", new Conv2d(channels, channels, 3, stride: up ? 1 : 2, padding: 1));
    }

    /// <summary>Doubles or halves height and width of <c>[N, C, H, W]</c>.</summary>
    public Tensor Forward(Tensor x)
    {
        using var scope = new Scope();
        var resized = _up ? x.UpsampleNearest(2 * x.Size(2), 2 * x.Size(3)) : _convolution is null ? x.AveragePool(2, 2) : x;
        return scope.Keep(_convolution?.Forward(resized) ?? resized);
    }
}
