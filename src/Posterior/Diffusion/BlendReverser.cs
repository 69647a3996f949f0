using Posterior.Operators;
using Posterior.Torch;

namespace Posterior.Diffusion;

/// <summary>
/// A model that was trained to undo a blend of an image and its measurement (InDI, Delbracio, Milanfar 2023): <c>E[x0 | x_t]</c> with <c>x_t = (1 - t) x0 + t y</c>, where y has
/// the measurement's noise and, in the Brownian variant, fresh noise <c>eps_t = epsilon / sqrt(t)</c> beside it.
/// </summary>
public abstract class BlendReverser : ImagePredictor
{
    /// <inheritdoc/>
    public override string Kind => Degradation is null ? "a model that reverses a blend" : $"a model that reverses a blend with '{Degradation}'";

    /// <summary>The degradation of the training; null where any measurement of the right size will do.</summary>
    public abstract OperatorSpec? Degradation { get; }

    /// <summary>epsilon: the fresh noise of the training at t = 1, for images in [-1, 1]; 0 for none.</summary>
    public abstract double Epsilon { get; }

    /// <summary>The posterior mean of clean images.</summary>
    /// <param name="x">Blends, <c>[N, C, H, W]</c>, clean part in [-1, 1].</param>
    /// <param name="time">t, from above 0 to 1, the same for the whole batch.</param>
    /// <returns>Of the shape and type of <paramref name="x"/>, made of differentiable operations.</returns>
    public abstract Tensor Predict(Tensor x, double time);
}
