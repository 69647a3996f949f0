namespace Posterior.Torch.Nn;

/// <summary>
/// A two-dimensional convolution layer with the keys <c>weight</c> and <c>bias</c>. In inference on the CPU it runs on packed
/// weights, which cost their memory a second time (<see cref="FastPath"/>); otherwise through ATen.
/// </summary>
public sealed class Conv2d : Module
{
    private readonly Parameter _weight, _bias;
    private readonly long _stride, _padding, _groups;
    private PackedConvolution? _packed;

    /// <summary>Zero weights, to be loaded or initialised (<see cref="Initialise"/>).</summary>
    public Conv2d(long inputs, long outputs, long size, long stride = 1, long padding = 0, bool bias = true, long groups = 1)
    {
        (_stride, _padding, _groups) = (stride, padding, groups);
        _weight = AddParameter("weight", Tensor.Zeros([outputs, inputs / groups, size, size]));
        if (bias) _bias = AddParameter("bias", Tensor.Zeros([outputs]));
    }

    /// <summary>The kernel, <c>[outputs, inputs / groups, size, size]</c>.</summary>
    public Tensor Weight => _weight;

    /// <summary>The bias, <c>[outputs]</c>; null when the layer has none.</summary>
    public Tensor? Bias => _bias.OrNull;

    /// <summary>
    /// Applies the layer: conv(x) + residual, then SiLU when asked. Weights follow the type of the input, so that master weights may
    /// be more precise.
    /// </summary>
    /// <param name="x"><c>[N, inputs, H, W]</c>; channels-last memory is fastest.</param>
    /// <param name="residual">What is added to the result, of its shape; or null.</param>
    /// <param name="silu">Whether z sigmoid(z) is applied to the sum.</param>
    /// <returns><c>[N, outputs, H', W']</c>.</returns>
    public Tensor Forward(Tensor x, Tensor? residual = null, bool silu = false) => Fast(x, residual, silu) ?? ThroughAten(x, residual, silu);

    /// <summary>Normal weights of variance gain^2 / fan-in (He et al. 2015), zero bias.</summary>
    public void Initialise(NoiseSource noise, double gain = 1) => Initialisation.Normal(Weight, Bias, gain, noise);

    /// <inheritdoc/>
    protected override void OnWeightsChanged() => Interlocked.Exchange(ref _packed, null)?.Dispose();

    private Tensor? Fast(Tensor x, Tensor? residual, bool silu)
    {
        if (!FastPath.IsEnabled) return null;
        var packed = Volatile.Read(ref _packed);
        if (packed is null)
        {
            var made = PackedConvolution.Of(Weight, Bias, _stride, _padding, _groups);
            packed = Interlocked.CompareExchange(ref _packed, made, null);
            if (packed is null) packed = made;
            else made.Dispose();
        }
        return packed.Run(x, residual, silu);
    }

    private Tensor ThroughAten(Tensor x, Tensor? residual, bool silu)
    {
        using var scope = new Scope();
        var y = x.Conv2d(_weight.Value.To(x.DType), _bias.OrNull?.To(x.DType), _stride, _padding, 1, _groups);
        if (residual is not null) y += residual;
        return scope.Keep(silu ? y.Silu() : y);
    }
}
