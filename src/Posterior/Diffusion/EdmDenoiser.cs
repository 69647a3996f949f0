using Posterior.Torch;

namespace Posterior.Diffusion;

/// <summary>A preconditioned network as a <see cref="Denoiser"/>: <c>D(x; sigma) = c_skip x + c_out F(c_in x, c_noise)</c> (Karras et al. 2022, Eq. 7).</summary>
public sealed class EdmDenoiser : NetworkDenoiser
{
    /// <summary>Wraps a network; the network stays the caller's.</summary>
    /// <param name="network">The raw network <c>F</c>; output channels beyond those of the image are left out.</param>
    /// <param name="scalings">Its scalings.</param>
    /// <param name="sigmaRange">The noise levels of its training; null for those of the published training.</param>
    /// <param name="labels">One class for all images of a batch, or one for each; null for none.</param>
    /// <exception cref="ArgumentException">A label does not exist.</exception>
    public EdmDenoiser(INoiseConditioned network, Preconditioning scalings, (double Min, double Max)? sigmaRange = null, long[]? labels = null)
        : base(network, labels)
    {
        ArgumentNullException.ThrowIfNull(scalings);
        (Scalings, SigmaRange) = (scalings, sigmaRange ?? scalings.SigmaRange);
    }

    /// <summary>The scalings.</summary>
    public Preconditioning Scalings { get; }

    /// <inheritdoc/>
    public override (double Min, double Max) SigmaRange { get; }

    /// <inheritdoc/>
    public override NoiseSchedule Schedule => Scalings.Schedule;

    /// <inheritdoc/>
    public override Denoiser WithLabels(params long[] labels) => new EdmDenoiser(Network, Scalings, SigmaRange, labels ?? throw new ArgumentNullException(nameof(labels)));

    /// <inheritdoc/>
    public override Tensor Denoise(Tensor x, double sigma) => Scalings.Denoise(x, sigma, Evaluate);
}
