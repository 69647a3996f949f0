using Posterior.Torch;

namespace Posterior.Diffusion;

/// <summary>A restorer that was trained on noise alone, as a <see cref="Denoiser"/>: what plug-and-play methods take. Whether it is told the noise level is its own matter.</summary>
public sealed class RestorerDenoiser : Denoiser
{
    private readonly OneShotRestorer _restorer;

    /// <summary>Wraps a restorer.</summary>
    /// <param name="restorer">The restorer.</param>
    /// <param name="sigmaRange">The noise levels of its training, for images in [-1, 1]: one level twice for a network of a fixed level.</param>
    /// <exception cref="ArgumentException">The restorer enlarges pictures.</exception>
    public RestorerDenoiser(OneShotRestorer restorer, (double Min, double Max) sigmaRange)
    {
        ArgumentNullException.ThrowIfNull(restorer);
        if (restorer.Scale != 1) throw new ArgumentException($"a denoiser leaves pictures their size, this restorer enlarges them {restorer.Scale} times", nameof(restorer));
        (_restorer, SigmaRange) = (restorer, sigmaRange);
    }

    /// <inheritdoc/>
    public override long? Channels => _restorer.Channels;

    /// <inheritdoc/>
    public override (double Min, double Max) SigmaRange { get; }

    /// <inheritdoc/>
    public override Tensor Denoise(Tensor x, double sigma) => _restorer.Restore(x, sigma);
}
