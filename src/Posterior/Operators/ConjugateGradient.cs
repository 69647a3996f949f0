using Posterior.Torch;

namespace Posterior.Operators;

/// <summary>Conjugate gradients for operators without a closed form, each image of a batch on its own.</summary>
public static class ConjugateGradient
{
    /// <summary>
    /// <c>H^+ y</c> by CGLS (Hestenes, Stiefel 1952): from 0 the iterates stay in the range of <c>H^T</c>, so the limit is the least-squares
    /// solution of least norm.
    /// </summary>
    /// <param name="h">The operator.</param>
    /// <param name="y"><c>[N, OutputShape]</c>.</param>
    /// <param name="tolerance">Stops an image when the norm of <c>H^T r</c> has fallen by this factor.</param>
    /// <param name="iterations">The most iterations.</param>
    /// <returns><c>[N, C, H, W]</c>.</returns>
    public static Tensor PseudoInverse(LinearOperator h, Tensor y, double tolerance = 1e-7, int iterations = 1000) => Damped(h, y, 0, tolerance, iterations);

    /// <summary>
    /// <c>H^T (H H^T + c I)^-1 y</c>, which minimises <c>|H x - y|^2 + c |x|^2</c>; for <c>c = 0</c> the pseudo-inverse.
    /// </summary>
    /// <param name="h">The operator.</param>
    /// <param name="y"><c>[N, OutputShape]</c>.</param>
    /// <param name="damping">c, not negative.</param>
    /// <param name="tolerance">Stops an image when the norm of <c>H^T r - c x</c> has fallen by this factor.</param>
    /// <param name="iterations">The most iterations.</param>
    /// <returns><c>[N, C, H, W]</c>.</returns>
    public static Tensor Damped(LinearOperator h, Tensor y, double damping, double tolerance = 1e-7, int iterations = 1000)
    {
        using var scope = new Scope();
        var n = y.Size(0);
        var x = Tensor.Zeros(h.InputShape.Batch(n), y.DType, y.Device);
        var residual = y.Clone();
        var gradient = h.Adjoint(residual);
        var direction = gradient.Clone();
        var power = Dot(gradient, gradient);
        var target = power * (tolerance * tolerance);
        for (var i = 0; i < iterations; i++)
        {
            using var step = new Scope();
            var active = power.Greater(target);
            if (!active.Any()) break;
            var image = h.Apply(direction);
            var curvature = Dot(image, image);
            if (damping > 0) curvature = curvature.AddScaled(Dot(direction, direction), damping);
            var alpha = Ratio(power, curvature, active);
            x.AddProductInPlace(direction, Like(alpha, x));
            residual.AddProductInPlace(image, Like(alpha, image), -1);
            gradient = h.Adjoint(residual);
            if (damping > 0) gradient = gradient.AddScaled(x, -damping);
            var next = Dot(gradient, gradient);
            var beta = Ratio(next, power, active);
            step.Replace(ref direction, gradient + direction * Like(beta, direction));
            step.Replace(ref power, active.Where(next, power.ZerosLike()));
        }
        return scope.Keep(x);
    }

    /// <summary>Solves <c>A x = b</c> for a symmetric, positive semi-definite <c>A</c> (Hestenes, Stiefel 1952).</summary>
    /// <param name="a"><c>A x</c>, each image on its own.</param>
    /// <param name="b"><c>[N, C, H, W]</c>, in the range of A.</param>
    /// <param name="start">The first guess; it is not changed.</param>
    /// <param name="tolerance">Stops an image when the norm of its residual is below this share of that of <paramref name="b"/>.</param>
    /// <param name="iterations">The most iterations.</param>
    /// <returns>Of the shape of <paramref name="b"/>.</returns>
    public static Tensor Solve(Func<Tensor, Tensor> a, Tensor b, Tensor start, double tolerance = 1e-7, int iterations = 1000)
    {
        using var scope = new Scope();
        var x = start.Clone();
        var residual = b - a(x);
        var direction = residual.Clone();
        var power = Dot(residual, residual);
        var target = Dot(b, b) * (tolerance * tolerance);
        for (var i = 0; i < iterations; i++)
        {
            using var step = new Scope();
            var active = power.Greater(target);
            if (!active.Any()) break;
            var image = a(direction);
            var alpha = Ratio(power, Dot(direction, image), active);
            x.AddProductInPlace(direction, Like(alpha, x));
            residual.AddProductInPlace(image, Like(alpha, image), -1);
            var next = Dot(residual, residual);
            step.Replace(ref direction, residual + direction * Like(Ratio(next, power, active), direction));
            step.Replace(ref power, active.Where(next, power.ZerosLike()));
        }
        return scope.Keep(x);
    }

    private static Tensor Dot(Tensor a, Tensor b) => (a * b).Reshape(a.Size(0), -1).Sum([1]);

    private static Tensor Ratio(Tensor a, Tensor b, Tensor active)
    {
        var usable = active.And(b.Greater(0));
        return usable.Where(a / usable.Where(b, b.OnesLike()), a.ZerosLike());
    }

    private static Tensor Like(Tensor perImage, Tensor target)
    {
        var shape = new long[target.Rank];
        Array.Fill(shape, 1);
        shape[0] = -1;
        return perImage.Reshape(shape);
    }
}
