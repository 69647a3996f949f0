using Posterior.Torch;

namespace Posterior.Diffusion;

/// <summary>DPM-Solver++(2M) (Lu et al. 2022, Alg. 2): second order with one evaluation a step, by the estimate of the step before.</summary>
public sealed record DpmSolver2M : Sampler
{
    /// <inheritdoc/>
    protected override Func<Tensor, int, (Tensor Next, Tensor Estimate)> Begin(Denoiser prior, NoiseSource noise, Tensor first, double[] levels)
    {
        var previous = first.EmptyLike();
        return (x, i) =>
        {
            var (sigma, next) = (levels[i], levels[i + 1]);
            var estimate = prior.Denoise(x, sigma);
            var direction = estimate;
            if (i > 0 && next > 0)
            {
                var ratio = Math.Log(levels[i - 1] / sigma) / Math.Log(sigma / next);
                direction = estimate.Lerp(previous, -1 / (2 * ratio));
            }
            var result = direction.Lerp(x, next / sigma);
            previous.CopyFrom(estimate);
            return (result, estimate);
        };
    }
}
