namespace Posterior.Torch.Nn;

/// <summary>A two-dimensional convolution layer with the keys <c>weight</c> and <c>bias</c>.</summary>
public sealed class Conv2d : ConvolutionLayer
{
    private readonly Parameter _weight, _bias;

    /// <summary>Zero weights, to be loaded or initialised (<see cref="Initialise"/>).</summary>
    public Conv2d(long inputs, long outputs, long size, long stride = 1, long padding = 0, bool bias = true, long groups = 1)
        : base(stride, padding, groups)
    {
        _weight = AddParameter("weight", Tensor.Zeros([outputs, inputs / groups, size, size]));
        if (bias) _bias = AddParameter("bias", Tensor.Zeros([outputs]));
    }

    /// <summary>The kernel, <c>[outputs, inputs / groups, size, size]</c>.</summary>
    public Tensor Weight => _weight;

    /// <summary>The bias, <c>[outputs]</c>; null when the layer has none.</summary>
    public Tensor? Bias => _bias.OrNull;

    /// <inheritdoc/>
    protected override Tensor Kernels => _weight;

    /// <inheritdoc/>
    protected override Tensor? Offsets => _bias.OrNull;

    /// <summary>Normal weights of variance gain^2 / fan-in (He et al. 2015), zero bias.</summary>
    public void Initialise(NoiseSource noise, double gain = 1) => Initialisation.Normal(Weight, Bias, gain, noise);
}
