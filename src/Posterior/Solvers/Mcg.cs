using Posterior.Operators;
using Posterior.Torch;

namespace Posterior.Solvers;

/// <summary>The published forms of MCG.</summary>
public enum McgForm
{
    /// <summary>
    /// The code of the DPS authors: descent on <c>|y - H x^0|</c>, then the state is projected on the measurement with noise of the level that the step came from.
    /// </summary>
    Norm,

    /// <summary>
    /// The paper (and the RED-diff repository): descent on <c>|H^+ (y - H x^0)|^2</c> where nothing was measured, and the measured part is the measurement with noise of the level that the step goes to.
    /// </summary>
    SquaredNorm,

    /// <summary>As <see cref="Norm"/>, with the descent that the same code has for Poisson noise, <see cref="DpsGuidance.PoissonNorm"/>.</summary>
    PoissonNorm,
}

/// <summary>
/// Manifold constrained gradient (Chung, Sim, Ryu, Ye 2022): DPS' descent through the denoiser, followed by a projection of the state on the measurement,
/// noised like the state. For measurements without noise.
/// </summary>
/// <remarks>In the DPS authors' code the projection for inpainting has the parts of the mask the wrong way round and a wrong sign; the intended one is used.</remarks>
public sealed record Mcg : DescendingSolver<LinearOperator>
{
    /// <summary>The defaults.</summary>
    public Mcg() => Zeta = 0.5;

    /// <summary>Its line in the catalogue.</summary>
    public static SolverEntry Entry { get; } = SolverEntry.Of(new Mcg(), "DPS with a projection on the measurement, without noise", "Chung et al. 2022, arXiv:2206.00941")
        .Whole("steps", s => s.Steps, (s, v) => s with { Steps = v })
        .Number("eta", s => s.Eta, (s, v) => s with { Eta = v })
        .Number("zeta", s => s.Zeta, (s, v) => s with { Zeta = v })
        .Flag("clip", s => s.Clip, (s, v) => s with { Clip = v })
        .Schedule("process", s => s.Schedule, (s, v) => s with { Schedule = v });

    /// <inheritdoc/>
    public override string Name => "mcg";

    /// <inheritdoc/>
    public override bool HandlesNoise => false;

    /// <summary>Which published form.</summary>
    public McgForm Form { get; init; } = McgForm.Norm;

    /// <inheritdoc/>
    protected override Tensor Descent(LinearOperator h, Tensor y, Tensor estimate)
    {
        using var scope = new Scope();
        if (Form == McgForm.SquaredNorm) return scope.Keep(h.PseudoInverse(y - h.Apply(estimate)) * 2);
        var (residual, back) = DenoiserGradient.Residual(h, y, estimate);
        var result = back / DenoiserGradient.NormOfEach(residual);
        return scope.Keep(Form == McgForm.PoissonNorm ? result * DenoiserGradient.PoissonFactorOfEach(y) : result);
    }

    /// <inheritdoc/>
    protected override Tensor Corrected(Tensor moved, Tensor descent, Tensor y, LinearOperator h, double sigma, double next, NoiseSource noise)
    {
        using var scope = new Scope();
        if (Form != McgForm.SquaredNorm)
        {
            // The measurement has abar of the level before the step.
            moved.AddInPlace(descent, Zeta * VariancePreservingScale(sigma, next));
            var noised = y.AddScaled(noise.NormalLike(y), sigma) * Math.Sqrt((1 + next * next) / (1 + sigma * sigma));
            return scope.Keep(h.Project(moved, noised));
        }
        moved.AddInPlace(descent - h.PseudoInverse(h.Apply(descent)), Zeta * Math.Sqrt(1 + next * next));
        var z = noise.NormalLike(moved);
        // What was measured is H^+ y + sigma' z, the rest stays.
        return scope.Keep(h.Project(moved - z * next, y).AddScaled(z, next));
    }
}
