namespace Posterior.Torch.Nn;

/// <summary>Layer normalisation over the last dimension (Ba, Kiros, Hinton 2016) with the keys <c>weight</c> and <c>bias</c>; weights follow the type of the input.</summary>
public sealed class LayerNorm : Module
{
    private readonly Parameter _weight, _bias;
    private readonly double _epsilon;

    /// <summary>Unit gains and zero offsets.</summary>
    /// <param name="width">The size of the last dimension.</param>
    /// <param name="epsilon">Added to the variance.</param>
    public LayerNorm(long width, double epsilon = 1e-5)
    {
        _epsilon = epsilon;
        _weight = AddParameter("weight", Tensor.Ones([width]));
        _bias = AddParameter("bias", Tensor.Zeros([width]));
    }

    /// <summary>Normalises <c>[..., width]</c>.</summary>
    public Tensor Forward(Tensor x)
    {
        using var scope = new Scope();
        return scope.Keep(x.LayerNorm([_weight.Value.Size(0)], _weight.Value.To(x.DType), _bias.Value.To(x.DType), _epsilon));
    }
}
