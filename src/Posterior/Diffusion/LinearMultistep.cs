using Posterior.Torch;

namespace Posterior.Diffusion;

/// <summary>
/// Adams-Bashforth in sigma: the slopes of the last steps are interpolated by a polynomial, which is integrated over the step (the LMS sampler of k-diffusion). One evaluation a step.
/// </summary>
public sealed record LinearMultistep : Sampler
{
    /// <summary>How many slopes are used, 1 to 10; 1 is Euler's method.</summary>
    public int Order { get; init; } = 4;

    /// <inheritdoc/>
    /// <exception cref="InvalidOperationException">The order is out of range.</exception>
    protected override Func<Tensor, int, (Tensor Next, Tensor Estimate)> Begin(Denoiser prior, NoiseSource noise, Tensor first, double[] levels)
    {
        if (Order is < 1 or > 10) throw new InvalidOperationException($"the order is {Order}, expected 1 to 10");
        // The slope of step i lies at i modulo the order.
        var slopes = Enumerable.Range(0, Order).Select(_ => first.EmptyLike()).ToArray();
        return (x, i) =>
        {
            var estimate = prior.Denoise(x, levels[i]);
            slopes[i % Order].CopyFrom((x - estimate).MultiplyInPlace(1 / levels[i]));
            var weights = Weights(levels, i, Math.Min(i + 1, Order));
            var result = x.Clone();
            for (var j = 0; j < weights.Length; j++) result.AddInPlace(slopes[(i - j) % Order], weights[j]);
            return (result, estimate);
        };
    }

    // Gauss and Legendre's five points and their weights: exact up to degree 9.
    private static readonly (double Point, double Weight)[] _gauss =
    [
        (0, 0.568888888888888889), (-0.538469310105683091, 0.478628670499366468), (0.538469310105683091, 0.478628670499366468),
        (-0.906179845938663993, 0.236926885056189088), (0.906179845938663993, 0.236926885056189088),
    ];

    // The integral of each Lagrange polynomial over the step.
    private static double[] Weights(double[] levels, int i, int count)
    {
        var (middle, half) = ((levels[i] + levels[i + 1]) / 2, (levels[i + 1] - levels[i]) / 2);
        return [.. Enumerable.Range(0, count).Select(j => half * _gauss.Sum(node => node.Weight * Basis(j, middle + half * node.Point)))];

        double Basis(int j, double sigma) => Enumerable.Range(0, count).Where(k => k != j).Aggregate(1.0, (product, k) => product * (sigma - levels[i - k]) / (levels[i - j] - levels[i - k]));
    }
}
