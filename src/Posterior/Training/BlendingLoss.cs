using Posterior.Torch;

namespace Posterior.Training;

/// <summary>The loss of InDI (Delbracio, Milanfar 2023): <c>w(t) |prediction - x0|^2</c> with <c>w = 1 / (t^2 + 1e-9)</c> between 1 and 100, as in Fabian et al. 2024, App. J.5.</summary>
public static class BlendingLoss
{
    private const double Epsilon = 1e-9, Least = 1, Most = 100;

    /// <summary>The weight of a time.</summary>
    public static double Weight(double time) => Math.Clamp(1 / (time * time + Epsilon), Least, Most);

    /// <summary>The loss of each image: a sum over its pixels.</summary>
    /// <param name="prediction">The network's estimate, <c>[N, C, H, W]</c>.</param>
    /// <param name="clean">Of the same shape.</param>
    /// <param name="times">The time of each image.</param>
    /// <returns><c>[N]</c>, with its autograd history.</returns>
    public static Tensor Evaluate(Tensor prediction, Tensor clean, ReadOnlySpan<double> times)
    {
        using var scope = new Scope();
        var weights = new double[times.Length];
        for (var i = 0; i < weights.Length; i++) weights[i] = Weight(times[i]);
        return scope.Keep((prediction - clean).Square().Sum([1, 2, 3]) * Tensor.From(weights, weights.Length).To(clean.DType).To(clean.Device));
    }
}
