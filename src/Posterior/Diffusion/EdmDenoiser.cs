using Posterior.Networks;
using Posterior.Torch;

namespace Posterior.Diffusion;

/// <summary>A preconditioned network as a <see cref="Denoiser"/>: <c>D(x; sigma) = c_skip x + c_out F(c_in x, c_noise)</c> (Karras et al. 2022, Eq. 7).</summary>
public sealed class EdmDenoiser : NetworkDenoiser, IClassConditional
{
    /// <summary>Adapts a network, which stays the caller's.</summary>
    /// <param name="network">F; output channels beyond those of the image are left out.</param>
    /// <param name="preconditioning">The scalings that it was trained with; null for EDM's with a data deviation of 0.5.</param>
    /// <param name="labels">One class, or one for each image; null for none.</param>
    /// <exception cref="ArgumentException">A label does not exist.</exception>
    public EdmDenoiser(IDiffusionNetwork network, Preconditioning? preconditioning = null, long[]? labels = null)
        : base(network, labels)
    {
        Preconditioning = preconditioning ?? new EdmPreconditioning();
    }

    /// <summary>The scalings.</summary>
    public Preconditioning Preconditioning { get; }

    /// <inheritdoc/>
    public override (double Min, double Max) SigmaRange => Preconditioning.SigmaRange;

    /// <inheritdoc/>
    public Denoiser WithLabels(long[] labels) => new EdmDenoiser(Network, Preconditioning, labels ?? throw new ArgumentNullException(nameof(labels)));

    /// <inheritdoc/>
    public override Tensor Denoise(Tensor x, double sigma)
    {
        using var scope = new Scope();
        var output = Evaluate(x * Preconditioning.In(sigma), Preconditioning.Noise(sigma));
        return scope.Keep((x * Preconditioning.Skip(sigma)).AddScaled(output, Preconditioning.Out(sigma)));
    }
}
