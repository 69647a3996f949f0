namespace Posterior.Torch;

public sealed partial class Tensor
{
    private static readonly Op _conv2d = new("aten::conv2d"), _convTranspose2d = new("aten::conv_transpose2d", "input"), _linear = new("aten::linear"),
        _groupNorm = new("aten::group_norm"), _layerNorm = new("aten::layer_norm"), _batchNorm = new("aten::batch_norm"),
        _silu = new("aten::silu"), _gelu = new("aten::gelu"), _relu = new("aten::relu"), _leakyRelu = new("aten::leaky_relu"), _sigmoid = new("aten::sigmoid"),
        _softmax = new("aten::softmax", "int"), _logSoftmax = new("aten::log_softmax", "int"), _embedding = new("aten::embedding"),
        _averagePool = new("aten::avg_pool2d"), _maxPool = new("aten::max_pool2d"), _upsampleNearest = new("aten::upsample_nearest2d"), _upsampleBilinear = new("aten::upsample_bilinear2d"), _upsampleBicubic = new("aten::upsample_bicubic2d");

    /// <summary>Correlation of <c>[N, C, H, W]</c> with <c>[O, C / groups, kh, kw]</c>, zero padded.</summary>
    public Tensor Conv2d(Tensor weight, Tensor? bias = null, long stride = 1, long padding = 0, long dilation = 1, long groups = 1) =>
        Correlate(weight, bias, [stride, stride], [padding, padding], [dilation, dilation], groups);

    /// <summary>Correlation with its own stride and padding in each direction (vertical, horizontal).</summary>
    public Tensor Conv2d(Tensor weight, Tensor? bias, (long V, long H) stride, (long V, long H) padding, long groups = 1) =>
        Correlate(weight, bias, [stride.V, stride.H], [padding.V, padding.H], [1, 1], groups);

    /// <summary>The transpose of <see cref="Conv2d(Tensor, Tensor?, long, long, long, long)"/>; weight <c>[C, O / groups, kh, kw]</c>.</summary>
    public Tensor ConvTranspose2d(Tensor weight, Tensor? bias = null, long stride = 1, long padding = 0, long outputPadding = 0, long groups = 1)
    {
        if (DType != DType.BFloat16 || Device.Kind != DeviceKind.Cpu) return Call(this, weight, bias);
        // libtorch 1.13 on the CPU silently gives the convolution instead of its transpose in this type.
        using var scope = new Scope();
        return scope.Keep(Call(To(DType.Float32), weight.To(DType.Float32), bias?.To(DType.Float32)).To(DType.BFloat16));

        Tensor Call(Tensor x, Tensor kernels, Tensor? offsets) =>
            _convTranspose2d.Call(x, kernels, offsets, new[] { stride, stride }, new[] { padding, padding }, new[] { outputPadding, outputPadding }, groups, new[] { 1L, 1L });
    }

    /// <summary>x W^T + b over the last dimension.</summary>
    public Tensor Linear(Tensor weight, Tensor? bias = null)
    {
        if (!IsCalculatedInSingle(weight)) return _linear.Call(this, weight, bias);
        using var scope = new Scope();
        return scope.Keep(_linear.Call(To(DType.Float32), weight.To(DType.Float32), bias?.To(DType.Float32)).To(DType.BFloat16));
    }

    /// <summary>Normalises groups of channels to mean 0 and variance 1, then scales and shifts.</summary>
    public Tensor GroupNorm(long groups, Tensor? weight, Tensor? bias, double epsilon) => _groupNorm.Call(this, groups, weight, bias, epsilon);

    /// <summary>Normalises the last dimensions to mean 0 and variance 1, then scales and shifts.</summary>
    public Tensor LayerNorm(ReadOnlySpan<long> shape, Tensor? weight, Tensor? bias, double epsilon) => _layerNorm.Call(this, shape, weight, bias, epsilon, false);

    /// <summary>Batch normalisation with stored statistics.</summary>
    public Tensor BatchNorm(Tensor? weight, Tensor? bias, Tensor mean, Tensor variance, double epsilon) =>
        _batchNorm.Call(this, weight, bias, mean, variance, false, 0.0, epsilon, false);

    /// <summary>x sigmoid(x).</summary>
    public Tensor Silu() => FastPath.Silu(this) ?? _silu.Call(this);

    /// <summary>x Phi(x), with the exact error function.</summary>
    public Tensor Gelu() => _gelu.Call(this);

    /// <summary>max(x, 0).</summary>
    public Tensor Relu() => _relu.Call(this);

    /// <summary>x, scaled by <paramref name="slope"/> where negative.</summary>
    public Tensor LeakyRelu(double slope) => _leakyRelu.Call(this, slope);

    /// <summary>1 / (1 + exp(-x)).</summary>
    public Tensor Sigmoid() => _sigmoid.Call(this);

    /// <summary>Softmax along a dimension.</summary>
    public Tensor Softmax(int dimension) => _softmax.Call(this, dimension);

    /// <summary>ln of <see cref="Softmax"/>.</summary>
    public Tensor LogSoftmax(int dimension) => _logSoftmax.Call(this, dimension);

    /// <summary>Rows of this table at Int64 indices.</summary>
    public Tensor Embedding(Tensor indices) => _embedding.Call(this, indices);

    /// <summary>Means of windows.</summary>
    public Tensor AveragePool(long size, long stride, long padding = 0, bool countPadding = true) =>
        _averagePool.Call(this, new[] { size, size }, new[] { stride, stride }, new[] { padding, padding }, false, countPadding);

    /// <summary>Maxima of windows.</summary>
    public Tensor MaxPool(long size, long stride, long padding = 0, bool ceiling = false) =>
        _maxPool.Call(this, new[] { size, size }, new[] { stride, stride }, new[] { padding, padding }, new[] { 1L, 1L }, ceiling);

    /// <summary>Nearest-neighbour resampling to a size.</summary>
    public Tensor UpsampleNearest(long height, long width) => _upsampleNearest.Call(this, new[] { height, width }, Value.None, Value.None);

    /// <summary>Bilinear resampling to a size, half-pixel centres, without antialiasing.</summary>
    public Tensor UpsampleBilinear(long height, long width) => _upsampleBilinear.Call(this, new[] { height, width }, false, Value.None, Value.None);

    /// <summary>Bicubic (a = -0.75) resampling to a size, half-pixel centres, without antialiasing.</summary>
    public Tensor UpsampleBicubic(long height, long width) => _upsampleBicubic.Call(this, new[] { height, width }, false, Value.None, Value.None);

    // Without AVX-512 libtorch 1.13 takes plain loops for bfloat16, which are slow and round every sum; with slow instructions for it, those.
    private bool IsCalculatedInSingle(Tensor other) => DType == DType.BFloat16 && other.DType == DType.BFloat16 && Device.Kind == DeviceKind.Cpu && !FastPath.HasFastBFloat16;

    private Tensor Correlate(Tensor weight, Tensor? bias, long[] stride, long[] padding, long[] dilation, long groups)
    {
        if (!IsCalculatedInSingle(weight)) return _conv2d.Call(this, weight, bias, stride, padding, dilation, groups);
        using var scope = new Scope();
        return scope.Keep(_conv2d.Call(To(DType.Float32), weight.To(DType.Float32), bias?.To(DType.Float32), stride, padding, dilation, groups).To(DType.BFloat16));
    }
}
