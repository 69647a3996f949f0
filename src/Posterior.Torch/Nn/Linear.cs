namespace Posterior.Torch.Nn;

/// <summary>
/// An affine layer with the keys <c>weight</c> <c>[outputs, inputs]</c> and <c>bias</c>. In inference on the CPU it runs on packed weights, which cost their memory
/// a second time (<see cref="FastPath"/>); in training by oneDNN too, or through ATen.
/// </summary>
public sealed class Linear : Module
{
    private readonly Parameter _weight, _bias;
    private PackedConvolution? _packed;

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
    /// <param name="x"><c>[..., inputs]</c>.</param>
    /// <param name="residual">What is added to the result, of its shape, in whose number format the sum then is; or null.</param>
    /// <returns><c>[..., outputs]</c>.</returns>
    public Tensor Forward(Tensor x, Tensor? residual = null)
    {
        var start = LayerProfile.Start();
        var y = Fast(x, residual) ?? ThroughAten(x, residual);
        WorkMeter.CountLinear(_weight, y);
        LayerProfile.Stop(start, "linear", 2.0 * Weight.Size(1) * y.Count, y);
        return y;
    }

    /// <summary>Normal weights of variance gain^2 / fan-in (He et al. 2015), zero bias.</summary>
    public void Initialise(NoiseSource noise, double gain = 1) => Initialisation.Normal(Weight, Bias, gain, noise);

    /// <inheritdoc/>
    protected override void OnWeightsChanged() => Interlocked.Exchange(ref _packed, null)?.Dispose();

    private Tensor? Fast(Tensor x, Tensor? residual)
    {
        if (!FastPath.IsEnabled) return null;
        // Packed weights serve where nothing is recorded and all are of one type.
        var inference = residual is null || residual.DType == x.DType ? (Volatile.Read(ref _packed) ?? Pack()).RunLinear(x, residual) : null;
        return inference ?? FastPath.Linear(x, _weight, _bias.OrNull, residual);
    }

    private PackedConvolution Pack()
    {
        var made = PackedConvolution.Of(_weight, _bias.OrNull, 1, (0, 0), 1);
        if (Interlocked.CompareExchange(ref _packed, made, null) is not { } earlier) return made;
        made.Dispose();
        return earlier;
    }

    private Tensor ThroughAten(Tensor x, Tensor? residual)
    {
        using var scope = new Scope();
        var y = x.Linear(_weight.Value.To(x.DType), _bias.OrNull?.To(x.DType));
        return scope.Keep(residual is null ? y : residual + y.To(residual.DType));
    }
}
