using Posterior.Diffusion;
using Posterior.Torch;

namespace Posterior.Solvers;

/// <summary>What a solver returns.</summary>
/// <param name="Estimate">Restored images, <c>[N, C, H, W]</c>, in [-1, 1] up to overshoot (not clamped).</param>
/// <param name="Evaluations">How often the prior was evaluated for each image.</param>
public sealed record Restoration(Tensor Estimate, int Evaluations)
{
    /// <summary>Whether the measurement has noise and the method explained it as if it were image.</summary>
    public bool NoiseIgnored { get; init; }

    /// <summary>Principal directions of the posterior around the estimate, from methods that give them.</summary>
    public PrincipalComponents? Components { get; init; }
}

/// <summary>A report of a solver's loop.</summary>
/// <param name="Index">The step, from 0.</param>
/// <param name="Count">The number of steps.</param>
/// <param name="Sigma">The noise level of the state.</param>
/// <param name="Estimate">The current estimate <c>x^0</c>; valid during the call only.</param>
public readonly record struct SolverStep(int Index, int Count, double Sigma, Tensor Estimate);
