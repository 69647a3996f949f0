using Posterior.Diffusion;
using Posterior.Torch;

namespace Posterior.Training;

/// <summary>How the error of a preconditioned network's raw output is weighted by noise level, in k-diffusion.</summary>
public enum OutputWeighting
{
    /// <summary>Alike: the loss of Karras et al. (2022).</summary>
    Karras,

    /// <summary><c>(sigma sigma_d)^2 / (sigma^2 + sigma_d^2)^2</c>: a soft form of min-SNR (Crowson et al. 2024, App. D).</summary>
    SoftMinSnr,

    /// <summary><c>sigma_d^2 / (sigma^2 + sigma_d^2)</c>: the squared error of the denoiser over the noise variance.</summary>
    Snr,
}

/// <summary>The denoising loss of k-diffusion: the mean squared error of the raw output F against <c>(x0 - c_skip x) / c_out</c>, weighted by level.</summary>
/// <param name="Scalings">The scalings around the network.</param>
/// <param name="Weighting">The weight of each level.</param>
public sealed record OutputLoss(EdmPreconditioning Scalings, OutputWeighting Weighting = OutputWeighting.Karras)
{
    /// <summary>What the network gets: <c>c_in x</c>.</summary>
    /// <param name="noisy"><c>[N, C, H, W]</c>.</param>
    /// <param name="sigmas">The noise level of each image.</param>
    public Tensor Input(Tensor noisy, ReadOnlySpan<double> sigmas)
    {
        using var scope = new Scope();
        return scope.Keep(noisy * PerImage.Of(sigmas, Scalings.CIn, noisy));
    }

    /// <summary>The denoised images: <c>c_skip x + c_out F</c>.</summary>
    /// <param name="output">F, <c>[N, C, H, W]</c>.</param>
    /// <param name="noisy">Of the same shape.</param>
    /// <param name="sigmas">The noise level of each image.</param>
    public Tensor Denoised(Tensor output, Tensor noisy, ReadOnlySpan<double> sigmas)
    {
        using var scope = new Scope();
        return scope.Keep(output * PerImage.Of(sigmas, Scalings.COut, noisy) + noisy * PerImage.Of(sigmas, Scalings.CSkip, noisy));
    }

    /// <summary>The loss of each image.</summary>
    /// <param name="output">F, <c>[N, C, H, W]</c>.</param>
    /// <param name="clean">Of the same shape.</param>
    /// <param name="noisy">Of the same shape.</param>
    /// <param name="sigmas">The noise level of each image.</param>
    /// <returns><c>[N]</c>, with its autograd history.</returns>
    public Tensor Evaluate(Tensor output, Tensor clean, Tensor noisy, ReadOnlySpan<double> sigmas)
    {
        using var scope = new Scope();
        var target = (clean - noisy * PerImage.Of(sigmas, Scalings.CSkip, noisy)) * PerImage.Of(sigmas, sigma => 1 / Scalings.COut(sigma), noisy);
        return scope.Keep((output - target).Square().Flatten(1).Mean([1]) * PerImage.Of(sigmas, Weight, noisy).Flatten());
    }

    /// <summary>The weight of a noise level.</summary>
    public double Weight(double sigma)
    {
        var (noise, data) = (sigma * sigma, Scalings.SigmaData * Scalings.SigmaData);
        return Weighting switch
        {
            OutputWeighting.SoftMinSnr => noise * data / ((noise + data) * (noise + data)),
            OutputWeighting.Snr => data / (noise + data),
            _ => 1,
        };
    }
}
