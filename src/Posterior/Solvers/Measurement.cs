using Posterior.Operators;
using Posterior.Torch;

namespace Posterior.Solvers;

/// <summary>What a solver starts from: <c>y = H x + n</c>, <c>n ~ N(0, sigma^2 I)</c>.</summary>
/// <typeparam name="TOperator">The rung of the operator.</typeparam>
public interface IMeasurement<out TOperator>
    where TOperator : ForwardOperator
{
    /// <summary><c>y</c>, <c>[N, OutputShape]</c>, for images in [-1, 1].</summary>
    Tensor Data { get; }

    /// <summary><c>H</c>.</summary>
    TOperator Operator { get; }

    /// <summary>The standard deviation of the noise for images in [-1, 1]: twice the level that users and papers quote.</summary>
    double Sigma { get; }
}

/// <inheritdoc cref="IMeasurement{TOperator}"/>
/// <param name="Data"><c>y</c>, <c>[N, OutputShape]</c>, for images in [-1, 1].</param>
/// <param name="Operator"><c>H</c>.</param>
/// <param name="Sigma">The standard deviation of the noise for images in [-1, 1].</param>
public sealed record Measurement<TOperator>(Tensor Data, TOperator Operator, double Sigma) : IMeasurement<TOperator>
    where TOperator : ForwardOperator
{
    /// <summary>Measures images: applies the operator and adds noise.</summary>
    /// <param name="h">The operator.</param>
    /// <param name="x"><c>[N, C, H, W]</c> in [-1, 1].</param>
    /// <param name="sigma">The standard deviation of the noise for images in [-1, 1].</param>
    /// <param name="noise">Where the noise comes from.</param>
    public static Measurement<TOperator> Simulate(TOperator h, Tensor x, double sigma, NoiseSource noise)
    {
        var y = h.Apply(x);
        if (sigma > 0) y.AddInPlace(noise.NormalLike(y), sigma);
        return new(y, h, sigma);
    }
}
