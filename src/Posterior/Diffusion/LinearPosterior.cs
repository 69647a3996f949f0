using Posterior.Torch;

namespace Posterior.Diffusion;

/// <summary>
/// The exact posterior mean of normally distributed images, or of a mixture, given <c>y = A x0 + sigma n</c> with any matrix A:
/// <c>m + C A^T (A C A^T + sigma^2 I)^-1 (y - A m)</c>, the components weighted by their evidence. By direct solution, for small images; differentiable in y.
/// </summary>
internal static class LinearPosterior
{
    /// <summary>The posterior mean.</summary>
    /// <param name="prior">A <see cref="GaussianDenoiser"/> or a <see cref="GaussianMixtureDenoiser"/>.</param>
    /// <param name="a">A in double precision: <c>[H W, H W]</c> for each channel alike, or of all values of an image.</param>
    /// <param name="y"><c>[N, C, H, W]</c>.</param>
    /// <param name="sigma">The standard deviation of the noise, positive.</param>
    /// <returns>Of the shape and type of <paramref name="y"/>.</returns>
    /// <exception cref="ArgumentException">The prior is of another kind, or has correlated channels and A acts on each.</exception>
    public static Tensor Mean(Denoiser prior, Tensor a, Tensor y, double sigma)
    {
        using var scope = new Scope();
        var n = a.Size(1);
        // [P, n, N]: P planes that A treats alike, one column for each image.
        var planes = y.To(DType.Float64).Reshape(y.Size(0), -1, n).Permute(1, 2, 0);
        var (components, weights) = prior switch
        {
            GaussianDenoiser gaussian => ((IReadOnlyList<GaussianDenoiser>)[gaussian], (IReadOnlyList<double>)[1.0]),
            GaussianMixtureDenoiser mixture => (mixture.Components, mixture.Weights),
            _ => throw new ArgumentException($"expected a normal distribution or a mixture, found {prior.GetType().Name}", nameof(prior)),
        };
        var parts = components.Select(component => Component(component, a, planes, sigma)).ToArray();
        var mean = parts[0].Mean;
        if (parts.Length > 1)
        {
            var joint = Tensor.Stack([.. parts.Select((part, k) => part.LogEvidence + Math.Log(weights[k]))]);
            var shares = joint.Softmax(0);
            mean = parts[0].Mean * shares.Select(0, 0);
            for (var k = 1; k < parts.Length; k++) mean += parts[k].Mean * shares.Select(0, k);
        }
        return scope.Keep(mean.Permute(2, 0, 1).Reshape(y.Shape).To(y.DType));
    }

    // The mean [P, n, N] and ln of the evidence [N], up to a constant that all components share.
    private static (Tensor Mean, Tensor LogEvidence) Component(GaussianDenoiser component, Tensor a, Tensor y, double sigma)
    {
        var (p, n) = (y.Size(0), a.Size(1));
        var m = component.Mean.Reshape(p, n, 1);
        // C A^T, [P, n, rows].
        var cross = component.Variances is { } variances
            ? variances.Expand(component.Mean.Shape).Reshape(p, n, 1) * a.Transpose(0, 1)
            : p == 1 ? component.Covariance().Unsqueeze(0).MatMul(a.Transpose(0, 1))
            : throw new ArgumentException("an operator on each channel needs a prior with independent values");
        var inner = a.MatMul(cross) + Tensor.Eye(a.Size(0), DType.Float64) * (sigma * sigma);
        var residual = y - a.MatMul(m);
        var solved = inner.Solve(residual);
        var (_, logDeterminant) = inner.SignLogDeterminant();
        return (m + cross.MatMul(solved), ((residual * solved).Sum([0, 1]) + logDeterminant.Sum()) * -0.5);
    }
}
