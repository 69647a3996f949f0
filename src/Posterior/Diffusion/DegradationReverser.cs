using Posterior.Imaging;
using Posterior.Operators;
using Posterior.Torch;

namespace Posterior.Diffusion;

/// <summary>
/// A model that was trained to undo one degradation at all its severities (DiracDiffusion, Fabian et al. 2024): <c>E[x0 | y_t]</c> with <c>y_t = A_t x0 + sigma_t n</c>.
/// </summary>
public abstract class DegradationReverser : ImagePredictor
{
    /// <inheritdoc/>
    public override string Kind => $"a model that reverses the degradation '{Process.Degradation}'";

    /// <summary>The degradation process <c>A_t</c>.</summary>
    public abstract SeverityProcess Process { get; }

    /// <summary>The noise <c>sigma_t</c> of the process, for images in [-1, 1].</summary>
    public abstract GeometricNoise Noise { get; }

    /// <summary>Where to stop for one wish or the other, if it was measured.</summary>
    public virtual StoppingPoints? Stops => null;

    /// <inheritdoc/>
    public override string? Warning(ForwardOperator h, double sigma)
    {
        var trained = UnitSigma.FromSigned(Noise.Sigma(1)).Value;
        return new RestorerTraining(Process.Degradation.Text, (trained, trained)).Warning(h, sigma);
    }

    /// <summary>The posterior mean of clean images.</summary>
    /// <param name="y">Degraded, noisy images, <c>[N, C, H, W]</c>, clean part in [-1, 1].</param>
    /// <param name="time">t, from 0 to 1, the same for the whole batch.</param>
    /// <returns>Of the shape and type of <paramref name="y"/>, made of differentiable operations.</returns>
    public abstract Tensor Predict(Tensor y, double time);
}

/// <summary>Where a reverse process is best stopped (Fabian et al. 2024, Sec. 3.7), found on images that the model was not trained on.</summary>
/// <param name="Step">The time step with which they were found.</param>
/// <param name="Perception">The time at which estimates look best.</param>
/// <param name="Distortion">The time at which estimates are closest to the original.</param>
public sealed record StoppingPoints(double Step, double Perception, double Distortion);
