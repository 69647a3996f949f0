namespace Posterior.Torch.Nn;

/// <summary>An affine layer with the keys <c>weight</c> <c>[outputs, inputs]</c> and <c>bias</c>.</summary>
public sealed class Linear : Module
{
    private readonly Parameter _weight, _bias;

    /// <summary>Zero weights, to be loaded or initialised (<see cref="Initialise"/>).</summary>
    public Linear(long inputs, long outputs, bool bias = true)
    {
        _weight = AddParameter("weight", Tensor.Zeros([outputs, inputs]));
        if (bias) _bias = AddParameter("bias", Tensor.Zeros([outputs]));
    }

    /// <summary>The matrix, <c>[outputs, inputs]</c>.</summary>
    public Tensor Weight => _weight;

    /// <summary>The bias, <c>[outputs]</c>; null when the layer has none.</summary>
    public Tensor? Bias => _bias.OrNull;

    /// <summary>Applies the layer to the last dimension, in the number format of <paramref name="x"/>.</summary>
    public Tensor Forward(Tensor x)
    {
        var start = LayerProfile.Start();
        using var scope = new Scope();
        var y = x.Linear(_weight.Value.To(x.DType), _bias.OrNull?.To(x.DType));
        WorkMeter.CountLinear(_weight, y);
        LayerProfile.Stop(start, "linear", 2.0 * Weight.Size(1) * y.Count, y);
        return scope.Keep(y);
    }

    /// <summary>Normal weights of variance gain^2 / fan-in (He et al. 2015), zero bias.</summary>
    public void Initialise(NoiseSource noise, double gain = 1) => Initialisation.Normal(Weight, Bias, gain, noise);
}
