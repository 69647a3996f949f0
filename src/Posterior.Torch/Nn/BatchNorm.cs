namespace Posterior.Torch.Nn;

/// <summary>
/// Batch normalisation of images (Ioffe, Szegedy 2015) with stored statistics, which are constants here; keys <c>weight</c>, <c>bias</c>, <c>running_mean</c>,
/// <c>running_var</c>, <c>num_batches_tracked</c>.
/// </summary>
public sealed class BatchNorm : Module
{
    private readonly Parameter _weight, _bias, _mean, _variance;
    private readonly double _epsilon;

    /// <summary>Unit gains and variances, zero offsets and means.</summary>
    /// <param name="channels">Channels of the images.</param>
    /// <param name="epsilon">Added to the variance.</param>
    public BatchNorm(long channels, double epsilon = 1e-5)
    {
        _epsilon = epsilon;
        _weight = AddParameter("weight", Tensor.Ones([channels]));
        _bias = AddParameter("bias", Tensor.Zeros([channels]));
        _mean = AddBuffer("running_mean", Tensor.Zeros([channels]));
        _variance = AddBuffer("running_var", Tensor.Ones([channels]));
        AddBuffer("num_batches_tracked", Tensor.Zeros([], DType.Int64));
    }

    /// <summary>The normalisation as a scaling and a shift, <c>x (1 + scale) + shift</c>, which the convolution before it can apply (<see cref="ConvolutionLayer.ForwardModulated"/>).</summary>
    /// <param name="batch">The number of images.</param>
    /// <param name="dtype">The type of the features.</param>
    /// <returns>Two tensors <c>[batch, channels, 1, 1]</c>.</returns>
    public (Tensor Scale, Tensor Shift) Modulation(long batch, DType dtype)
    {
        using var scope = new Scope();
        var gain = _weight.Value * (_variance.Value + _epsilon).Rsqrt();
        var shift = _bias.Value - _mean.Value * gain;
        return (scope.Keep(PerImage(gain - 1)), scope.Keep(PerImage(shift)));

        Tensor PerImage(Tensor values) => values.To(dtype).Reshape(1, -1, 1, 1).Expand(batch, values.Count, 1, 1).Contiguous();
    }
}
