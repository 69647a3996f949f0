using Posterior.Diffusion;
using Posterior.Operators;
using Posterior.Torch;

namespace Posterior.Training;

/// <summary>How the loss of a degradation's reversal is weighted by time.</summary>
public enum TimeWeighting
{
    /// <summary>Not at all.</summary>
    None,

    /// <summary><c>1 / (sigma_t^2 + 1e-9)</c>, as in the authors' code (Fabian et al. 2024, App. E).</summary>
    Noise,

    /// <summary><c>1 / (t^2 + 1e-9)</c> between 1 and 100, for blending (App. J.5).</summary>
    Time,
}

/// <summary>
/// The incremental reconstruction loss of DiracDiffusion (Fabian et al. 2024, Eq. 10): <c>w(t) |A_tau(prediction) - A_tau(x0)|^2</c> at <c>tau = max(t - dt, 0)</c>.
/// dt = 0 is denoising score matching (Eq. 8). With dt = 1 both are degraded by A_0, which the paper takes for the identity (Eq. 22); of a blur a little is left at t = 0.
/// </summary>
/// <param name="Process">The degradation process.</param>
/// <param name="Noise">Its noise, in the units of the images at hand.</param>
/// <param name="Step">dt, from 0 to 1; null compares the clean images themselves (Eq. 22), the authors' <c>mse_x</c>.</param>
public sealed record IncrementalReconstructionLoss(SeverityProcess Process, GeometricNoise Noise, double? Step)
{
    private const double Epsilon = 1e-9;

    /// <summary>The weight of each time.</summary>
    public TimeWeighting Weighting { get; init; } = TimeWeighting.Noise;

    /// <summary>The loss of each image: a sum over its pixels.</summary>
    /// <param name="prediction">The network's estimate of the clean images, <c>[N, C, H, W]</c>.</param>
    /// <param name="clean">The clean images, of the same shape.</param>
    /// <param name="times">The time of each image, from 0 to 1.</param>
    /// <returns><c>[N]</c>, with its autograd history.</returns>
    public Tensor Evaluate(Tensor prediction, Tensor clean, ReadOnlySpan<double> times)
    {
        using var scope = new Scope();
        var weights = new double[times.Length];
        for (var i = 0; i < times.Length; i++) weights[i] = Weight(times[i]);
        var error = prediction - clean;
        // A_t is linear: the difference is degraded once.
        if (Step is { } step) error = Process.Degrade(error, [.. times.ToArray().Select(time => Math.Max(time - step, 0))]);
        return scope.Keep(error.Square().Sum([1, 2, 3]) * Tensor.From(weights, weights.Length).To(error.DType).To(error.Device));
    }

    /// <summary>The weight of a time.</summary>
    public double Weight(double time) => Weighting switch
    {
        TimeWeighting.Noise => 1 / (Math.Pow(Noise.Sigma(time), 2) + Epsilon),
        TimeWeighting.Time => BlendingLoss.Weight(time),
        _ => 1,
    };
}
