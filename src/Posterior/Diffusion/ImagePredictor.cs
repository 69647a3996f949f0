using Posterior.Operators;

namespace Posterior.Diffusion;

/// <summary>
/// What predicts clean images, and so what a solver can work with: a <see cref="Denoiser"/> knows the images alone, others know a measurement or a degradation too.
/// A solver states in its type which kind it needs.
/// </summary>
public abstract class ImagePredictor
{
    /// <summary>The number of channels of the images, 1 or 3; null when any will do.</summary>
    public abstract long? Channels { get; }

    /// <summary>What it is, in words that go on a message: <c>a prior</c>.</summary>
    public abstract string Kind { get; }

    /// <summary>A line when a measurement is of another kind than those of the training; null when it is not, or where any will do.</summary>
    /// <param name="h">The operator.</param>
    /// <param name="sigma">The standard deviation of the noise, for images in [-1, 1].</param>
    public virtual string? Warning(ForwardOperator h, double sigma) => null;
}
