using Posterior.Operators;
using Posterior.Torch;

namespace Posterior.Diffusion;

/// <summary>
/// A denoiser that was trained to use a measurement: <c>D(x; sigma, y, H) = E[x0 | x0 + sigma n, y]</c> (Palette, InvFussion). Bound to a measurement it is a denoiser
/// whose samplers draw from the posterior instead of the prior.
/// </summary>
public abstract class ConditionalDenoiser : ImagePredictor
{
    /// <summary>The noise levels for which the denoiser is meant, for images in [-1, 1].</summary>
    public abstract (double Min, double Max) SigmaRange { get; }

    /// <inheritdoc/>
    public override string Kind => "a model that takes the measurement";

    /// <summary>The denoiser of one measurement.</summary>
    /// <param name="y">The measurement of each image, <c>[N, OutputShape]</c>; they stay the caller's and must outlive the denoiser.</param>
    /// <param name="h">The operator.</param>
    /// <param name="sigma">The standard deviation of the measurement's noise, for images in [-1, 1].</param>
    /// <exception cref="OperatorException">The operator is none that the model can take.</exception>
    public abstract Denoiser Given(Tensor y, LinearOperator h, double sigma);

    /// <summary>Whether the model is told the operator, as InvFussion is; else it sees <c>H^+ y</c> alone, as Palette does.</summary>
    public virtual bool SeesOperator => false;

    /// <summary>The number of classes; 0 when there are none.</summary>
    public virtual int Classes => 0;

    /// <summary>The denoiser of a class.</summary>
    /// <param name="label">The class.</param>
    /// <param name="guidance">How strongly the model is moved away from its form without class (Ho, Salimans 2022): 1 is the class alone.</param>
    /// <exception cref="ArgumentException">There is no such class.</exception>
    public virtual ConditionalDenoiser WithClass(long label, double guidance = 1) => throw new ArgumentException("the model has no classes", nameof(label));
}
