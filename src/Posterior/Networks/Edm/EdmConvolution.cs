using Posterior.Networks.Adm;
using Posterior.Torch;
using Posterior.Torch.Nn;

namespace Posterior.Networks.Edm;

/// <summary>
/// EDM's Conv2d: resampling with a small filter (key <c>resample_filter</c>) and a convolution (<c>weight</c>, <c>bias</c>), of which either may be absent.
/// The fused form lets the convolution work at the higher resolution without a border in between.
/// </summary>
public sealed class EdmConvolution : Module
{
    private readonly Parameter _weight, _bias, _filter;
    private readonly Resampling _resampling;
    private readonly bool _fused;
    private readonly long _size;

    /// <summary>A layer with zero weights, to be loaded.</summary>
    /// <param name="inputs">Channels in.</param>
    /// <param name="outputs">Channels out.</param>
    /// <param name="size">The size of the kernel; 0 for resampling only.</param>
    /// <param name="resampling">What happens to height and width.</param>
    /// <param name="filter">The one-dimensional resampling filter, normalised here to sum 1.</param>
    /// <param name="fused">Whether resampling and convolution share one border.</param>
    public EdmConvolution(long inputs, long outputs, long size, Resampling resampling = Resampling.None, IReadOnlyList<int>? filter = null, bool fused = false)
    {
        (_size, _resampling, _fused) = (size, resampling, fused);
        if (size > 0)
        {
            _weight = AddParameter("weight", Tensor.Zeros([outputs, inputs, size, size]));
            _bias = AddParameter("bias", Tensor.Zeros([outputs]));
        }
        if (resampling == Resampling.None) return;
        double[] taps = [.. (filter ?? [1, 1]).Select(tap => (double)tap)];
        var sum = taps.Sum();
        float[] square = [.. taps.SelectMany(_ => taps, (vertical, horizontal) => (float)(vertical * horizontal / (sum * sum)))];
        _filter = AddBuffer("resample_filter", Tensor.From(square, 1, 1, taps.Length, taps.Length));
    }

    /// <summary>Applies the layer to <c>[N, inputs, H, W]</c>.</summary>
    public Tensor Forward(Tensor x)
    {
        using var scope = new Scope();
        var kernelBorder = _size / 2;
        var filterBorder = _filter.Exists ? (_filter.Value.Size(-1) - 1) / 2 : 0;
        var y = (_resampling, _fused && _weight.Exists) switch
        {
            (Resampling.Up, true) => Convolve(Up(x, Math.Max(filterBorder - kernelBorder, 0)), Math.Max(kernelBorder - filterBorder, 0)),
            (Resampling.Down, true) => Down(Convolve(x, kernelBorder + filterBorder), 0),
            (Resampling.Up, false) => Convolve(Up(x, filterBorder), kernelBorder),
            (Resampling.Down, false) => Convolve(Down(x, filterBorder), kernelBorder),
            _ => Convolve(x, kernelBorder),
        };

        // The filter sums to 1 except at the border, so the bias comes last.
        return scope.Keep(_bias.Exists ? y + _bias.Value.To(y.DType).Reshape(1, -1, 1, 1) : y);
    }

    /// <summary>Normal weights of variance gain^2 / fan-in, zero bias.</summary>
    public void Initialise(NoiseSource noise, double gain = 1)
    {
        if (_weight.Exists) Initialisation.Normal(_weight, _bias.OrNull, gain, noise);
    }

    private Tensor Convolve(Tensor x, long border) => _weight.Exists ? x.Conv2d(_weight.Value.To(x.DType), null, padding: border) : x;

    private Tensor Down(Tensor x, long border) => InSinglePrecision(x, y => y.Conv2d(PerChannel(y), null, stride: 2, padding: border, groups: y.Size(1)));

    // Zeros between the pixels take three quarters of the sum away.
    private Tensor Up(Tensor x, long border) => InSinglePrecision(x, y => y.ConvTranspose2d(PerChannel(y) * 4, null, stride: 2, padding: border, groups: y.Size(1)));

    // libtorch's transposed convolutions of channels-last bfloat16 come out in a wrong shape (seen in 1.13).
    private static Tensor InSinglePrecision(Tensor x, Func<Tensor, Tensor> resample) => x.DType == DType.BFloat16 ? resample(x.To(DType.Float32)).To(DType.BFloat16) : resample(x);

    private Tensor PerChannel(Tensor x) => _filter.Value.To(x.DType).Repeat(x.Size(1), 1, 1, 1);
}
