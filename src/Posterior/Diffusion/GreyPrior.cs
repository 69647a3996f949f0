using Posterior.Imaging;
using Posterior.Torch;

namespace Posterior.Diffusion;

/// <summary>
/// A colour prior for grey images: the grey channel is repeated three times, and the channels of the result are averaged.
/// </summary>
/// <remarks>
/// A repeated channel repeats its noise: along the grey axis (1, 1, 1)/sqrt(3) of colour space it has the standard deviation sqrt(3) sigma,
/// and none across it, where a colour denoiser expects independent channels. The denoiser is therefore asked at sqrt(3) sigma: then the
/// noise along the grey axis, the only one that the average looks at, is of the strength it is told. For every prior in which
/// brightness and colour are independent and Gaussian the result is exactly the posterior mean of the brightness; asked at sigma
/// it would leave two thirds of the noise's variance unexplained.
/// </remarks>
/// <param name="colour">A denoiser of three channels.</param>
public sealed class GreyPrior(Denoiser colour) : Denoiser
{
    private static readonly double _root3 = Math.Sqrt(3);

    private readonly Denoiser _colour = colour.Channels is null or 3 ? colour : throw new ArgumentException($"a grey prior is made of a colour denoiser, not one of {colour.Channels} channels");

    /// <inheritdoc/>
    public override long? Channels => 1;

    /// <inheritdoc/>
    public override (double Min, double Max) SigmaRange => (_colour.SigmaRange.Min / _root3, _colour.SigmaRange.Max / _root3);

    /// <summary>The colour prior's, as it stands: a grey image is decided at the levels of a colour one.</summary>
    public override NoiseSchedule Schedule => _colour.Schedule;

    /// <inheritdoc/>
    /// <exception cref="ArgumentException">The images are not grey.</exception>
    public override Tensor Denoise(Tensor x, double sigma)
    {
        if (x.Shape is not [_, 1, _, _]) throw new ArgumentException($"a grey prior takes [N, 1, H, W], not {x}");
        using var scope = new Scope();
        return scope.Keep(Colour.ToGrey(_colour.Denoise(Colour.ToColour(x).Contiguous(), _root3 * sigma)));
    }
}
