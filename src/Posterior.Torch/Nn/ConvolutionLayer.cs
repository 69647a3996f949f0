namespace Posterior.Torch.Nn;

/// <summary>
/// A layer that correlates images with trained kernels. On the CPU it runs on packed weights, which cost their memory a second time or, by Winograd's algorithm, 1.8 times (<see cref="FastPath"/>), in inference and,
/// where images keep their size, in single precision or by Winograd's algorithm, also while derivatives are recorded; otherwise through ATen. Weights follow the type of the input, so that master weights may be more precise.
/// </summary>
/// <param name="stride">The step of the kernel, in pixels.</param>
/// <param name="padding">The zeros around the image, in pixels, vertical and horizontal.</param>
/// <param name="groups">The number of groups that channels fall into.</param>
public abstract class ConvolutionLayer(long stride, (long V, long H) padding, long groups) : Module
{
    private PackedConvolution? _packed;

    /// <summary>A layer that adds as many zeros above as beside the image.</summary>
    /// <param name="stride">The step of the kernel, in pixels.</param>
    /// <param name="padding">The zeros around the image, in pixels.</param>
    /// <param name="groups">The number of groups that channels fall into.</param>
    protected ConvolutionLayer(long stride, long padding, long groups)
        : this(stride, (padding, padding), groups)
    {
    }

    /// <summary>The kernels, <c>[outputs, inputs / groups, height, width]</c>.</summary>
    protected abstract Tensor Kernels { get; }

    /// <summary>
    /// The trained tensor that <see cref="Kernels"/> are computed from at each call; null where they are that tensor itself or a view of it. While it is in training
    /// nothing is packed: what an operator writes to it would not be seen.
    /// </summary>
    protected virtual Tensor? KernelSource => null;

    /// <summary>What is added to each output channel, <c>[outputs]</c>; null for nothing.</summary>
    protected abstract Tensor? Offsets { get; }

    /// <summary>Applies the layer: conv(x) + residual, then SiLU when asked.</summary>
    /// <param name="x"><c>[N, inputs, H, W]</c>; channels-last memory is fastest.</param>
    /// <param name="residual">What is added to the result, of its shape; or null.</param>
    /// <param name="silu">Whether z sigmoid(z) is applied to the sum.</param>
    /// <param name="overwrites">Whether the result may take the memory of the residual, which nobody reads afterwards.</param>
    /// <returns><c>[N, outputs, H', W']</c>.</returns>
    public Tensor Forward(Tensor x, Tensor? residual = null, bool silu = false, bool overwrites = false) =>
        Forward(x, residual, null, null, silu ? Activation.Silu : Activation.Identity, overwrites);

    /// <summary>Applies the layer, scales and shifts its channels for each image, then an activation: activation(conv(x) (1 + scale) + shift).</summary>
    /// <param name="x"><c>[N, inputs, H, W]</c>; channels-last memory is fastest.</param>
    /// <param name="scale"><c>[N, outputs, 1, 1]</c>, or null for none.</param>
    /// <param name="shift"><c>[N, outputs, 1, 1]</c>, or null for none.</param>
    /// <param name="activation">What is applied last.</param>
    /// <returns><c>[N, outputs, H', W']</c>.</returns>
    public Tensor ForwardModulated(Tensor x, Tensor? scale, Tensor? shift, Activation activation = Activation.Identity) => Forward(x, null, scale, shift, activation, false);

    /// <summary>Applies the layer to two images side by side, as if they were concatenated; or null where they must be: outside the fast path, in training, and for kernels of several pixels.</summary>
    /// <param name="x"><c>[N, C, H, W]</c>; channels-last memory is fastest.</param>
    /// <param name="beside"><c>[N, inputs - C, H, W]</c>.</param>
    /// <returns><c>[N, outputs, H', W']</c>.</returns>
    public Tensor? ForwardBeside(Tensor x, Tensor beside)
    {
        var start = LayerProfile.Start();
        if (Packed()?.RunBeside(x, beside) is not { } y) return null;
        Count(start, x.Size(1) + beside.Size(1), y);
        return y;
    }

    /// <summary>The operations for one number of the result.</summary>
    internal double OperationsPerResult
    {
        get
        {
            using var scope = new Scope();
            var kernels = Kernels;
            return 2.0 * kernels.Count / kernels.Size(0);
        }
    }

    /// <inheritdoc/>
    protected override void OnWeightsChanged() => Interlocked.Exchange(ref _packed, null)?.Dispose();

    private Tensor Forward(Tensor x, Tensor? residual, Tensor? scale, Tensor? shift, Activation activation, bool overwrites)
    {
        var start = LayerProfile.Start();
        var y = Packed()?.Run(x, residual, scale, shift, activation, overwrites) ?? Unfused(x, residual, scale, shift, activation);
        Count(start, x.Size(1), y);
        return y;
    }

    private void Count(long start, long channels, Tensor y)
    {
        WorkMeter.CountConvolution(this, y);
        if (start != 0) LayerProfile.Stop(start, $"convolution {Kernels.Size(2)}x{Kernels.Size(3)} of {channels} channels", OperationsPerResult * y.Count, y);
    }

    private PackedConvolution? Packed() => !FastPath.IsEnabled || KernelSource is { RequiresGrad: true } ? null : Volatile.Read(ref _packed) ?? Pack();

    private PackedConvolution Pack()
    {
        using var scope = new Scope();
        // A view of a weight, made where nothing is recorded, would stay without the weight's derivative.
        using var recorded = new WithGrad();
        var made = PackedConvolution.Of(Kernels, Offsets, stride, padding, groups);
        if (Interlocked.CompareExchange(ref _packed, made, null) is not { } earlier) return made;
        made.Dispose();
        return earlier;
    }

    private Tensor Unfused(Tensor x, Tensor? residual, Tensor? scale, Tensor? shift, Activation activation)
    {
        using var scope = new Scope();
        var y = Packed()?.Record(x, residual);
        if (y is null)
        {
            y = x.Conv2d(Kernels.To(x.DType), Offsets?.To(x.DType), (stride, stride), padding, groups);
            if (residual is not null) y += residual;
        }
        if (scale is not null || shift is not null)
        {
            if (FastPath.Modulate(y, scale, shift, activation) is { } modulated) return scope.Keep(modulated);
            y = (scale, shift) switch
            {
                ({ } factor, null) => y * (factor + 1),
                ({ } factor, { } offset) => offset.AddProduct(y, factor + 1),
                _ => y + shift!,
            };
        }
        return scope.Keep(activation switch
        {
            Activation.Silu => y.Silu(),
            Activation.Relu => y.Relu(),
            _ => y,
        });
    }
}
