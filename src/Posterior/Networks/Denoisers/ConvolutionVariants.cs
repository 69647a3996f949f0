using Posterior.Torch;
using Posterior.Torch.Nn;

namespace Posterior.Networks.Denoisers;

/// <summary>A 3 x 3 convolution whose taps lie apart, with the height and width of its input; keys <c>weight</c> and <c>bias</c>.</summary>
internal sealed class DilatedConvolution : Module
{
    private readonly Parameter _weight, _bias;
    private readonly long _dilation;

    /// <summary>Zero weights, to be loaded.</summary>
    /// <param name="inputs">Channels in.</param>
    /// <param name="outputs">Channels out.</param>
    /// <param name="dilation">The distance of neighbouring taps in pixels.</param>
    public DilatedConvolution(long inputs, long outputs, long dilation)
    {
        _dilation = dilation;
        _weight = AddParameter("weight", Tensor.Zeros([outputs, inputs, 3, 3]));
        _bias = AddParameter("bias", Tensor.Zeros([outputs]));
    }

    public Tensor Forward(Tensor x)
    {
        using var scope = new Scope();
        return scope.Keep(x.Conv2d(_weight.Value.To(x.DType), _bias.Value.To(x.DType), padding: _dilation, dilation: _dilation));
    }
}

/// <summary>
/// A transposed convolution of 2 x 2 kernels with stride 2, which do not overlap: a 1 x 1 convolution to four times the channels, whose pixels are then laid out. Keys
/// <c>weight</c> <c>[inputs, outputs, 2, 2]</c> and perhaps <c>bias</c>.
/// </summary>
internal sealed class TransposedConvolution : ConvolutionLayer
{
    private const int Size = 2;

    private readonly Parameter _weight, _bias;

    public TransposedConvolution(long inputs, long outputs, bool bias)
        : base(stride: 1, padding: 0, groups: 1)
    {
        _weight = AddParameter("weight", Tensor.Zeros([inputs, outputs, Size, Size]));
        if (bias) _bias = AddParameter("bias", Tensor.Zeros([outputs]));
    }

    protected override Tensor Kernels
    {
        get
        {
            using var scope = new Scope();
            var weight = _weight.Value;
            return scope.Keep(weight.Permute(1, 2, 3, 0).Reshape(weight.Size(1) * Size * Size, weight.Size(0), 1, 1));
        }
    }

    protected override Tensor KernelSource => _weight;

    protected override Tensor? Offsets => _bias.OrNull?.RepeatInterleave(Size * Size, 0);

    /// <summary>Normal weights: each output has one tap of each input; zero bias.</summary>
    public void Initialise(NoiseSource noise, double gain = 1) => Initialisation.Normal(_weight, _bias.OrNull, gain * Math.Sqrt((double)_weight.Value.Size(1) * Size * Size / _weight.Value.Size(0)), noise);

    /// <summary><c>[N, inputs, H, W]</c> to <c>[N, outputs, 2 H, 2 W]</c>.</summary>
    public Tensor Enlarge(Tensor x)
    {
        using var scope = new Scope();
        return scope.Keep(Forward(x).PixelShuffle(Size).Contiguous(channelsLast: true));
    }
}
