using Posterior.Torch;

namespace Posterior.Diffusion;

/// <summary>
/// The prior of every solver: <c>D(x; sigma) = E[x0 | x0 + sigma n]</c>, variance exploding. How a network was trained (which noise
/// schedule, what it predicts, which time it expects) is converted to this form in one adapter per family (DDRM App. B).
/// </summary>
public abstract class Denoiser : ImagePredictor
{
    /// <inheritdoc/>
    public override string Kind => "a prior";

    /// <summary>The noise levels for which the denoiser is meant, for images in [-1, 1].</summary>
    public abstract (double Min, double Max) SigmaRange { get; }

    /// <summary>
    /// The noise levels that DDRM, DDNM and ILVR visit when they are told none, for images in [-1, 1]: the process that a network was trained on, where it has one; <see cref="ShiftedCosineSchedule"/>
    /// for networks of EDM's own form; <see cref="VpSchedule.Linear"/> for everything else. A denoiser around another one has the other's.
    /// </summary>
    public virtual NoiseSchedule Schedule => VpSchedule.Linear();

    /// <summary>The posterior mean of clean images.</summary>
    /// <param name="x">Noisy images, <c>[N, C, H, W]</c>, clean part in [-1, 1].</param>
    /// <param name="sigma">The standard deviation of their noise, the same for the whole batch.</param>
    /// <returns>An estimate of <c>E[x0 | x]</c>, of the shape and type of <paramref name="x"/>.</returns>
    public abstract Tensor Denoise(Tensor x, double sigma);

    /// <summary>The posterior mean, and how much noise the reverse step should have, for networks that learned it (Nichol, Dhariwal 2021, Eq. 15).</summary>
    /// <param name="x">Noisy images, <c>[N, C, H, W]</c>.</param>
    /// <param name="sigma">The standard deviation of their noise.</param>
    /// <returns>
    /// The estimate, and the weight v of <c>ln beta</c> against the posterior's log-variance, broadcasting to the image: 0 is the posterior's variance, 1 the forward step's.
    /// </returns>
    /// <exception cref="InvalidOperationException">The prior learned no variance, or is one of several or in tiles, which hand on the estimate alone.</exception>
    public virtual (Tensor Estimate, Tensor VarianceShare) DenoiseWithVariance(Tensor x, double sigma) =>
        throw new InvalidOperationException("the prior has learned no variance of the reverse step, or hands on its estimate alone (in tiles, for grey images, guided without a classifier)");
}
