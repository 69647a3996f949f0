using Posterior.Operators;
using Posterior.Torch;

namespace Posterior.Solvers;

/// <summary>What solvers with a quadratic data term share: <c>H^T (H H^T + c I)^-1</c>.</summary>
internal static class DampedInverse
{
    /// <summary><c>H^T (H H^T + c I)^-1 r</c>: in closed form for operators with singular values, else by conjugate gradients; the pseudo-inverse for c = 0.</summary>
    public static Tensor Apply(LinearOperator h, Tensor residual, double damping)
    {
        if (damping == 0) return h.PseudoInverse(residual);
        if (h is not SpectralOperator spectral) return ConjugateGradient.Damped(h, residual, damping);
        using var scope = new Scope();
        // s / (s^2 + c), written with 1 / s so that 0 stays 0.
        var inverse = spectral.InverseSingularValues();
        var factor = inverse / (inverse.Square() * damping + 1);
        return scope.Keep(spectral.V(spectral.UT(residual) * factor));
    }

    /// <summary>The image that minimises <c>|H x - y|^2 + c |x - v|^2</c>: <c>v + H^T (H H^T + c I)^-1 (y - H v)</c>.</summary>
    public static Tensor Proximal(LinearOperator h, Tensor y, Tensor v, double damping)
    {
        if (damping == 0) return h.Project(v, y);
        using var scope = new Scope();
        return scope.Keep(v + Apply(h, y - h.Apply(v), damping));
    }
}
