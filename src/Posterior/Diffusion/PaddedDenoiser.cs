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
    public override NoiseSchedule Schedule => inner.Schedule;

    /// <inheritdoc/>
    public override Tensor Denoise(Tensor x, double sigma)
    {
        using var scope = new Scope();
        var padded = ImageBorder.Extend(x, _multiple, minimum);
        var denoised = inner.Denoise(padded, sigma);
        return scope.Keep(ReferenceEquals(padded, x) ? denoised : denoised.Narrow(2, 0, x.Size(2)).Narrow(3, 0, x.Size(3)).Contiguous());
    }
}
