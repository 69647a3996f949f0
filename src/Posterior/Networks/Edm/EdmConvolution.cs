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
    private readonly long _filterBorder;
    private readonly Kernel? _kernel;
    private Filter? _taps;

    /// <summary>A layer with zero weights, to be loaded.</summary>
    /// <param name="inputs">Channels in.</param>
    /// <param name="outputs">Channels out.</param>
    /// <param name="size">The size of the kernel; 0 for resampling only.</param>
    /// <param name="resampling">What happens to height and width.</param>
    /// <param name="filter">The one-dimensional resampling filter, normalised here to sum 1.</param>
    /// <param name="fused">Whether resampling and convolution share one border.</param>
    /// <param name="bias">Whether the convolution has a bias.</param>
    public EdmConvolution(long inputs, long outputs, long size, Resampling resampling = Resampling.None, IReadOnlyList<int>? filter = null, bool fused = false, bool bias = true)
    {
        (_resampling, _fused) = (resampling, fused && size > 0);
        if (size > 0)
        {
            _weight = AddParameter("weight", Tensor.Zeros([outputs, inputs, size, size]));
            if (bias) _bias = AddParameter("bias", Tensor.Zeros([outputs]));
        }
        double[] taps = resampling == Resampling.None ? [] : [.. (filter ?? [1, 1]).Select(tap => (double)tap)];
        _filterBorder = taps.Length > 0 ? (taps.Length - 1) / 2 : 0;
        var border = (resampling, _fused) switch
        {
            (Resampling.Up, true) => Math.Max(size / 2 - _filterBorder, 0),
            (Resampling.Down, true) => size / 2 + _filterBorder,
            _ => size / 2,
        };
        // Where a filter follows, the bias comes after it: the filter sums to 1 except at the border.
        if (size > 0) _kernel = new(this, border, last: (resampling, _fused) is not (Resampling.Down, true));
        if (resampling == Resampling.None) return;
        var sum = taps.Sum();
        float[] square = [.. taps.SelectMany(_ => taps, (vertical, horizontal) => (float)(vertical * horizontal / (sum * sum)))];
        _filter = AddBuffer("resample_filter", Tensor.From(square, 1, 1, taps.Length, taps.Length));
    }

    /// <summary>Applies the layer to <c>[N, inputs, H, W]</c>.</summary>
    public Tensor Forward(Tensor x)
    {
        using var scope = new Scope();
        return scope.Keep((_resampling, _fused) switch
        {
            (Resampling.Up, true) => Convolve(Up(x, Math.Max(_filterBorder - _weight.Value.Size(2) / 2, 0))),
            (Resampling.Down, true) when _bias.Exists => Down(Convolve(x), 0) + _bias.Value.To(x.DType).Reshape(1, -1, 1, 1),
            (Resampling.Down, true) => Down(Convolve(x), 0),
            (Resampling.Up, false) => Convolve(Up(x, _filterBorder)),
            (Resampling.Down, false) => Convolve(Down(x, _filterBorder)),
            _ => Convolve(x),
        });
    }

    /// <summary>Normal weights of variance gain^2 / fan-in, zero bias.</summary>
    public void Initialise(NoiseSource noise, double gain = 1)
    {
        if (_weight.Exists) Initialisation.Normal(_weight, _bias.OrNull, gain, noise);
    }

    /// <inheritdoc/>
    protected override void OnWeightsChanged()
    {
        _kernel?.WeightsChanged();
        _taps = null;
    }

    private double[]? Taps => (_taps ??= new(SeparableResampling.Taps(_filter))).Taps;

    private Tensor Convolve(Tensor x) => _kernel?.Forward(x) ?? x;

    private Tensor Down(Tensor x, long border) => SeparableResampling.Forward(x, _filter, Taps, border, up: false);

    // Zeros between the pixels take three quarters of the sum away.
    private Tensor Up(Tensor x, long border) => SeparableResampling.Forward(x, _filter, Taps, border, up: true, gain: 4);

    // The convolution alone, on the fast path where there is one; weights and bias are the layer's.
    private sealed class Kernel(EdmConvolution layer, long border, bool last) : ConvolutionLayer(stride: 1, border, groups: 1)
    {
        protected override Tensor Kernels => layer._weight;

        protected override Tensor? Offsets => last ? layer._bias.OrNull : null;
    }

    // The taps of the filter that is loaded, null for one that is not separable.
    private sealed record Filter(double[]? Taps);
}
