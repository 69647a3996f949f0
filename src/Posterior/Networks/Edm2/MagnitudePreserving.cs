using Posterior.Networks.Adm;
using Posterior.Torch;

namespace Posterior.Networks.Edm2;

/// <summary>Operations that keep the magnitude of features (Karras et al. 2024, arXiv:2312.02696, App. B): independent inputs of unit magnitude give outputs of unit magnitude.</summary>
public static class MagnitudePreserving
{
    private const double Epsilon = 1e-4;

    // The root mean square of silu(z) for standard normal z (Eq. 81).
    private const double SiluMagnitude = 0.596;

    /// <summary><c>x / (epsilon + rms(x))</c>, the root mean square over the given dimensions; computed in single precision.</summary>
    public static Tensor Normalise(Tensor x, params ReadOnlySpan<long> dimensions)
    {
        using var scope = new Scope();
        var norm = x.To(DType.Float32).Norm(dimensions, keepDimensions: true);
        return scope.Keep(x / (norm * Math.Sqrt((double)norm.Count / x.Count) + Epsilon).To(x.DType));
    }

    /// <summary>SiLU divided by its magnitude for normal inputs (Eq. 81).</summary>
    public static Tensor Silu(Tensor x)
    {
        using var scope = new Scope();
        return scope.Keep(x.Silu() * (1 / SiluMagnitude));
    }

    /// <summary>The blend of two tensors, <c>((1 - t) a + t b) / sqrt((1 - t)^2 + t^2)</c> (Eq. 88).</summary>
    public static Tensor Sum(Tensor a, Tensor b, double t = 0.5)
    {
        using var scope = new Scope();
        return scope.Keep(a.Lerp(b, t) * (1 / Math.Sqrt((1 - t) * (1 - t) + t * t)));
    }

    /// <summary>Channels of two images one after another, weighted so that each contributes its share whatever its width (Eq. 103).</summary>
    public static Tensor Concatenate(Tensor a, Tensor b, double t = 0.5)
    {
        using var scope = new Scope();
        double channelsA = a.Size(1), channelsB = b.Size(1);
        var scale = Math.Sqrt((channelsA + channelsB) / ((1 - t) * (1 - t) + t * t));
        return scope.Keep(Tensor.Cat([a * (scale / Math.Sqrt(channelsA) * (1 - t)), b * (scale / Math.Sqrt(channelsB) * t)], 1));
    }

    /// <summary>Doubles or halves height and width with a separable filter, normalised here to sum 1.</summary>
    /// <param name="x"><c>[N, C, H, W]</c>.</param>
    /// <param name="resampling">What happens to height and width.</param>
    /// <param name="filter">An even number of taps.</param>
    public static Tensor Resample(Tensor x, Resampling resampling, IReadOnlyList<int> filter)
    {
        if (resampling == Resampling.None) return x;
        if (filter is [1, 1]) return resampling == Resampling.Down ? x.AveragePool(2, 2) : x.UpsampleNearest(2 * x.Size(2), 2 * x.Size(3));
        using var scope = new Scope();
        double sum = filter.Sum(), gain = resampling == Resampling.Up ? 4 : 1;
        float[] square = [.. filter.SelectMany(_ => filter, (vertical, horizontal) => (float)(vertical * horizontal * gain / (sum * sum)))];
        var (channels, border) = (x.Size(1), (filter.Count - 1) / 2);
        var kernels = Tensor.From(square, 1, 1, filter.Count, filter.Count).To(x.Device).To(x.DType).Repeat(channels, 1, 1, 1);
        return scope.Keep(resampling == Resampling.Down
            ? x.Conv2d(kernels, null, stride: 2, padding: border, groups: channels)
            : x.ConvTranspose2d(kernels, null, stride: 2, padding: border, groups: channels));
    }
}
