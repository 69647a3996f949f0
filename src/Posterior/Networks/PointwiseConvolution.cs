using Posterior.Torch;
using Posterior.Torch.Nn;

namespace Posterior.Networks;

/// <summary>
/// A one-dimensional convolution of size 1 over flattened pixels, applied to the image itself: the same numbers without the reshaping.
/// Keys <c>weight</c> <c>[outputs, inputs, 1]</c> and <c>bias</c>.
/// </summary>
public sealed class PointwiseConvolution : Module
{
    private readonly Parameter _weight, _bias;

    /// <summary>Zero weights, to be loaded.</summary>
    public PointwiseConvolution(long inputs, long outputs)
    {
        _weight = AddParameter("weight", Tensor.Zeros([outputs, inputs, 1]));
        _bias = AddParameter("bias", Tensor.Zeros([outputs]));
    }

    /// <summary>Applies the layer to <c>[N, inputs, H, W]</c>.</summary>
    public Tensor Forward(Tensor x)
    {
        using var scope = new Scope();
        return scope.Keep(x.Conv2d(_weight.Value.Unsqueeze(3), _bias));
    }
}
