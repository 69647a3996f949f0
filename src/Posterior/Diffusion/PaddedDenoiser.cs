using Posterior.Torch;

namespace Posterior.Diffusion;

/// <summary>
/// Any size of image for a network that needs multiples: the image is continued at its right and lower edge, by reflection or, where it is smaller than
/// the border, by its edge pixels, and the result is cropped. Solvers and operators never see the border.
/// </summary>
/// <param name="inner">The denoiser.</param>
/// <param name="multiple">What height and width must be multiples of: 2 to the number of halvings in the network.</param>
/// <param name="minimum">The smallest height and width that the denoiser takes.</param>
public sealed class PaddedDenoiser(Denoiser inner, long multiple, long minimum = 1) : Denoiser
{
    private readonly long _multiple = multiple > 0 ? multiple : throw new ArgumentOutOfRangeException(nameof(multiple), multiple, "a multiple is positive");

    /// <inheritdoc/>
    public override long? Channels => inner.Channels;

    /// <inheritdoc/>
    public override (double Min, double Max) SigmaRange => inner.SigmaRange;

    /// <inheritdoc/>
    public override Tensor Denoise(Tensor x, double sigma)
    {
        var (h, w) = (x.Size(2), x.Size(3));
        var (down, right) = (Whole(h) - h, Whole(w) - w);
        if (down == 0 && right == 0) return inner.Denoise(x, sigma);
        using var scope = new Scope();
        var padded = Extend(Extend(x, [0, right, 0, 0], right < w), [0, 0, 0, down], down < h);
        return scope.Keep(inner.Denoise(padded, sigma).Narrow(2, 0, h).Narrow(3, 0, w).Contiguous());
    }

    private long Whole(long size) => (Math.Max(size, minimum) + _multiple - 1) / _multiple * _multiple;

    // A reflection reaches no farther than the opposite edge.
    private static Tensor Extend(Tensor x, ReadOnlySpan<long> sizes, bool reflect) => x.Pad(sizes, reflect ? "reflect" : "replicate");
}
