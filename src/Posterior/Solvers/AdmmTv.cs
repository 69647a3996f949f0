using Posterior.Diffusion;
using Posterior.Imaging;
using Posterior.Operators;
using Posterior.Torch;

namespace Posterior.Solvers;

/// <summary>
/// Total variation without a learned prior (Rudin, Osher, Fatemi 1992), by ADMM (Boyd et al. 2011): <c>min 1/2 |H x - y|^2 + lambda sum |D x|</c>, where <c>|D x|</c> is
/// the length of the gradient of a pixel, both differences together (isotropic), of each channel on its own.
/// </summary>
/// <remarks>The equation of each iteration is solved by conjugate gradients from the last image. All numbers are for images in [-1, 1].</remarks>
public sealed record AdmmTv : Solver<LinearOperator, ImagePredictor>
{
    // Conjugate gradients start from the last image: a few iterations are enough, and the limit is the same.
    private const int InnerIterations = 50;

    /// <summary>Its line in the catalogue; lambda there is for images in [0, 1], half of the property's.</summary>
    public static SolverEntry Entry { get; } = SolverEntry.Of(new AdmmTv(), "total variation, a baseline without a learned prior", "Rudin et al. 1992; Boyd et al. 2011")
        .Whole("steps", s => s.Steps, (s, v) => s with { Steps = v })
        .Number("lambda", s => s.Lambda / ValueRange.SignedPerUnit, (s, v) => s with { Lambda = v * ValueRange.SignedPerUnit })
        .Number("rho", s => s.Rho, (s, v) => s with { Rho = v })
        .Choice("edge", s => s.Edge, (s, v) => s with { Edge = v });

    /// <inheritdoc/>
    public override string Name => "admm-tv";

    /// <inheritdoc/>
    public override bool HandlesNoise => true;

    /// <inheritdoc/>
    public override int Evaluations => 0;

    /// <inheritdoc/>
    public override int Reports => Steps;

    /// <summary>The number of iterations.</summary>
    public int Steps { get; init; } = 100;

    /// <summary>lambda: twice that for images in [0, 1], which is 0.007 for deblurring and 0.02 for inpainting in Fabian, Tinaz, Soltanolkotabi 2024, App. J.4.</summary>
    public double Lambda { get; init; } = 0.014;

    /// <summary>The penalty: 0.8 and 0.2 there. It changes how fast the iteration converges, not what to.</summary>
    public double Rho { get; init; } = 0.8;

    /// <summary>The difference at the last row and column.</summary>
    public TotalVariationEdge Edge { get; init; } = TotalVariationEdge.Neumann;

    /// <summary>The objective for each image, <c>[N]</c>, in the type of the image.</summary>
    /// <param name="measurement">The measurement.</param>
    /// <param name="x">Images, <c>[N, C, H, W]</c>.</param>
    public Tensor Objective(IMeasurement<LinearOperator> measurement, Tensor x)
    {
        using var scope = new Scope();
        var residual = (measurement.Operator.Apply(x) - measurement.Data).Square().Reshape(x.Size(0), -1).Sum([1]) * 0.5;
        var variation = Length(Difference(x, 2, Edge), Difference(x, 3, Edge)).Reshape(x.Size(0), -1).Sum([1]);
        return scope.Keep(residual.AddScaled(variation, Lambda));
    }

    /// <inheritdoc/>
    protected override IEnumerable<string> Problems() => [.. Between("steps", Steps, 1, 1_000_000), .. Between("lambda", Lambda / ValueRange.SignedPerUnit, 0, 1e6), .. Between("rho", Rho, 1e-6, 1e6)];

    /// <inheritdoc/>
    protected override Restoration Run(
        IMeasurement<LinearOperator> measurement, ImagePredictor predictor, NoiseSource noise, IProgress<SolverStep>? progress, CancellationToken cancellation)
    {
        var (y, h) = (measurement.Data, measurement.Operator);
        var back = h.Adjoint(y).Clone();
        var x = back.ZerosLike();
        // z = D x and its multiplier u, of both directions.
        var (zDown, zAcross, uDown, uAcross) = (x.ZerosLike(), x.ZerosLike(), x.ZerosLike(), x.ZerosLike());
        for (var i = 0; i < Steps; i++)
        {
            cancellation.ThrowIfCancellationRequested();
            using var step = new Scope();
            // (H^T H + rho D^T D) x = H^T y + rho D^T (z - u).
            var right = back.AddScaled(Divergence(zDown - uDown, zAcross - uAcross), Rho);
            step.Replace(ref x, ConjugateGradient.Solve(Normal, right, x, iterations: InnerIterations));
            progress?.Report(new(i, Steps, 0, x));
            var (down, across) = (Difference(x, 2, Edge).AddInPlace(uDown), Difference(x, 3, Edge).AddInPlace(uAcross));
            // z: shorten the gradient of each pixel by lambda / rho; u: what was cut off.
            var kept = (1 - Length(down, across).Clamp(1e-30, null).Reciprocal() * (Lambda / Rho)).Clamp(0, null);
            (zDown, zAcross) = (zDown.CopyFrom(down * kept), zAcross.CopyFrom(across * kept));
            (uDown, uAcross) = (uDown.CopyFrom(down - zDown), uAcross.CopyFrom(across - zAcross));
        }
        return new(x, 0);

        Tensor Normal(Tensor image)
        {
            using var scope = new Scope();
            return scope.Keep(h.Adjoint(h.Apply(image)).AddScaled(Divergence(Difference(image, 2, Edge), Difference(image, 3, Edge)), Rho));
        }
    }

    private static Tensor Length(Tensor down, Tensor across) => down.Square().AddInPlace(across.Square()).SqrtInPlace();

    // x[i + 1] - x[i]; at the end 0, or to the first.
    private static Tensor Difference(Tensor x, int dimension, TotalVariationEdge edge)
    {
        var result = x.Roll([-1], [dimension]) - x;
        if (edge == TotalVariationEdge.Neumann) result.Narrow(dimension, x.Size(dimension) - 1, 1).Zero();
        return result;
    }

    // D^T of both parts together; a part that ends with 0 needs no special edge.
    private Tensor Divergence(Tensor down, Tensor across)
    {
        using var scope = new Scope();
        var (a, b) = (Ended(down, 2), Ended(across, 3));
        return scope.Keep(a.Roll([1], [2]) - a + b.Roll([1], [3]) - b);

        Tensor Ended(Tensor part, int dimension)
        {
            if (Edge == TotalVariationEdge.Periodic) return part;
            var copy = part.Clone();
            copy.Narrow(dimension, part.Size(dimension) - 1, 1).Zero();
            return copy;
        }
    }
}

/// <summary>What follows the last row and column when differences are taken.</summary>
public enum TotalVariationEdge
{
    /// <summary>Nothing: the last difference is 0.</summary>
    Neumann,

    /// <summary>The first row and column.</summary>
    Periodic,
}
