using Posterior.Imaging;
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

/// <summary>
/// A measurement that was found sound: the right shape, finite, and a noise level between 0 and <see cref="SigmaLimit"/> (times the largest singular value
/// where it is known and above 1). Every solver starts from one, so bad data are refused here and nowhere else.
/// </summary>
/// <typeparam name="TOperator">The rung of the operator.</typeparam>
public sealed record Measurement<TOperator> : IMeasurement<TOperator>
    where TOperator : ForwardOperator
{
    /// <summary>The largest noise level: twice the whole range of an image. Beyond it a level in the wrong unit (0 to 255) is far more likely than such data.</summary>
    public const double SigmaLimit = 2 * ValueRange.SignedPerUnit;

    /// <summary>Takes a measurement.</summary>
    /// <param name="data"><c>y</c>, <c>[N, OutputShape]</c>, for images in [-1, 1].</param>
    /// <param name="operator"><c>H</c>.</param>
    /// <param name="sigma">The standard deviation of the noise for images in [-1, 1].</param>
    /// <exception cref="MeasurementException">The data have another shape or are not finite, or the noise level is negative, NaN or too large.</exception>
    public Measurement(Tensor data, TOperator @operator, double sigma)
    {
        (Data, Operator, Sigma) = (data, @operator, sigma);
        if (data.Rank != @operator.OutputShape.Count + 1 || !data.Shape[1..].SequenceEqual(@operator.OutputShape.ToArray()))
            throw new MeasurementException($"a measurement by '{@operator.Name}' is [N, {string.Join(", ", @operator.OutputShape)}], not {data}");
        if (!(sigma >= 0))
            throw new MeasurementException($"a noise level is 0 or more, not {sigma / ValueRange.SignedPerUnit} (for images in [0, 1])");
        using var scope = new Scope();
        var gain = @operator is SpectralOperator h ? Math.Max(1, h.SingularValues.Max().Item()) : 1;
        if (sigma > SigmaLimit * gain)
            throw new MeasurementException($"a noise level is at most {SigmaLimit / ValueRange.SignedPerUnit * gain} (for images in [0, 1]), not {sigma / ValueRange.SignedPerUnit}; a level for images in [0, 255] must be divided by 255");
        if (!data.IsFinite().All())
            throw new MeasurementException($"the measurement holds {data.IsFinite().Not().To(DType.Int64).Sum().Item()} values of {data.Count} that are NaN or infinite");
    }

    /// <inheritdoc/>
    public Tensor Data { get; }

    /// <inheritdoc/>
    public TOperator Operator { get; }

    /// <inheritdoc/>
    public double Sigma { get; }

    /// <summary>Measures images: applies the operator and adds noise, but to the missing pixels of <see cref="Inpainting"/>: what is not measured carries none.</summary>
    /// <param name="h">The operator.</param>
    /// <param name="x"><c>[N, C, H, W]</c> in [-1, 1].</param>
    /// <param name="sigma">The standard deviation of the noise for images in [-1, 1].</param>
    /// <param name="noise">Where the noise comes from.</param>
    public static Measurement<TOperator> Simulate(TOperator h, Tensor x, double sigma, NoiseSource noise)
    {
        using var scope = new Scope();
        return new(scope.Keep(SimulatedData.Of(h, x, sigma, noise)), h, sigma);
    }
}

/// <summary>The data of a simulated measurement.</summary>
internal static class SimulatedData
{
    /// <summary>Applies an operator to images of any range and adds noise in their units, but to missing pixels: what is not measured carries none.</summary>
    public static Tensor Of(ForwardOperator h, Tensor x, double sigma, NoiseSource noise)
    {
        using var scope = new Scope();
        var y = h.Apply(x);
        if (sigma > 0) y = y.AddScaled(h is Inpainting inpainting ? noise.NormalLike(y) * inpainting.Mask : noise.NormalLike(y), sigma);
        return scope.Keep(y);
    }
}
