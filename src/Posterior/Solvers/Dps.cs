using Posterior.Operators;
using Posterior.Torch;

namespace Posterior.Solvers;

/// <summary>Which measure of the misfit DPS descends on.</summary>
public enum DpsGuidance
{
    /// <summary><c>|y - H x^0|</c>, as in the authors' code: steps of a length that does not depend on the misfit (Alg. 1 with <c>zeta_i = zeta' / |y - H x^0|</c>, zeta = 2 zeta').</summary>
    Norm,

    /// <summary><c>|y - H x^0|^2</c>, with the step size <c>sqrt(abar abar')</c> of the comparison in the RED-diff repository.</summary>
    SquaredNorm,

    /// <summary><c>|y - H x^0|</c> times the mean of <c>1 / |y|</c>: the authors' code for Poisson noise (after Alg. 2).</summary>
    PoissonNorm,
}

/// <summary>
/// Diffusion posterior sampling (Chung, Kim, McCann, Klasky, Ye 2023, Alg. 1): after each unconditional step the state descends on the misfit of its estimate,
/// differentiated through the denoiser. It takes any operator; one that is not linear is differentiated too. The paper has a <c>zeta</c> of 0.3 to 3, by task.
/// </summary>
/// <remarks>Where the authors' code takes one norm of the whole batch, which ties its images together, each image has its own here. The gradient passes through the clamp, as in the code.</remarks>
public sealed record Dps : DescendingSolver<ForwardOperator>
{
    /// <summary>Its line in the catalogue.</summary>
    public static SolverEntry Entry { get; } = SolverEntry.Of(new Dps(), "any operator, linear or not; slow, differentiates the network", "Chung et al. 2023, arXiv:2209.14687")
        .Whole("steps", s => s.Steps, (s, v) => s with { Steps = v })
        .Number("eta", s => s.Eta, (s, v) => s with { Eta = v })
        .Number("zeta", s => s.Zeta, (s, v) => s with { Zeta = v })
        .Flag("clip", s => s.Clip, (s, v) => s with { Clip = v })
        .Schedule("process", s => s.Schedule, (s, v) => s with { Schedule = v });

    /// <inheritdoc/>
    public override string Name => "dps";

    /// <inheritdoc/>
    public override bool HandlesNoise => true;

    /// <summary>The misfit.</summary>
    public DpsGuidance Guidance { get; init; } = DpsGuidance.Norm;

    /// <inheritdoc/>
    protected override Tensor Descent(ForwardOperator h, Tensor y, Tensor estimate)
    {
        using var scope = new Scope();
        var (residual, back) = DenoiserGradient.Residual(h, y, estimate);
        if (Guidance == DpsGuidance.SquaredNorm) return scope.Keep(back * 2);
        var result = back / DenoiserGradient.NormOfEach(residual);
        if (Guidance == DpsGuidance.PoissonNorm) result *= DenoiserGradient.PoissonFactorOfEach(y);
        return scope.Keep(result);
    }

    /// <inheritdoc/>
    protected override Tensor Corrected(Tensor moved, Tensor descent, Tensor y, ForwardOperator h, double sigma, double next, NoiseSource noise) =>
        // For the squared norm both factors cancel.
        moved.AddInPlace(descent, Zeta * (Guidance == DpsGuidance.SquaredNorm ? 1 : VariancePreservingScale(sigma, next)));
}
