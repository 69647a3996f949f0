using Posterior.Torch;
using Posterior.Torch.Nn;

namespace Posterior.Networks;

/// <summary>
/// A one-dimensional convolution of size 1 over flattened pixels, applied to the image itself: the same numbers without the reshaping.
/// Keys <c>weight</c> <c>[outputs, inputs, 1]</c> and <c>bias</c>.
/// </summary>
public sealed class PointwiseConvolution : ConvolutionLayer
{
    private readonly Parameter _weight, _bias;

    /// <summary>Zero weights, to be loaded.</summary>
    public PointwiseConvolution(long inputs, long outputs)
        : base(stride: 1, padding: 0, groups: 1)
    {
        _weight = AddParameter("weight", Tensor.Zeros([outputs, inputs, 1]));
        _bias = AddParameter("bias", Tensor.Zeros([outputs]));
    }

    /// <inheritdoc/>
    protected override Tensor Kernels => _weight.Value.Unsqueeze(3);

    /// <inheritdoc/>
    protected override Tensor? Offsets => _bias;
}
