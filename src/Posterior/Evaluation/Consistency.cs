using Posterior.Imaging;
using Posterior.Operators;
using Posterior.Solvers;
using Posterior.Torch;

namespace Posterior.Evaluation;

/// <summary>How well an estimate explains a measurement.</summary>
public static class Consistency
{
    /// <summary>
    /// <c>norm(y - H x)^2 / m</c> for images in [0, 1], over the m coordinates that the operator measures: what lies outside the operator's range (missing
    /// pixels, singular values of zero) is no data. An estimate as good as the truth has about sigma squared.
    /// </summary>
    /// <param name="measurement">The measurement, for images in [-1, 1].</param>
    /// <param name="x">Estimates, <c>[N, C, H, W]</c> in [-1, 1].</param>
    public static double Residual(IMeasurement<LinearOperator> measurement, Tensor x) => MeanSquare(measurement, x).Mean;

    /// <summary><see cref="Residual"/>, and the number m of measured coordinates, over all estimates.</summary>
    internal static (double Mean, double Count) MeanSquare(IMeasurement<LinearOperator> measurement, Tensor x)
    {
        using var scope = new Scope();
        var (squared, count) = measurement.Operator is SpectralOperator h ? Spectral(h, measurement.Data, x) : Plain(measurement, x);
        return (count > 0 ? squared / (ValueRange.SignedPerUnit * ValueRange.SignedPerUnit) / count : 0, count);
    }

    private static (double Squared, double Count) Plain(IMeasurement<LinearOperator> measurement, Tensor x)
    {
        var difference = measurement.Data - measurement.Operator.Apply(x);
        return (difference.To(DType.Float64).Square().Sum().Item(), difference.Count);
    }

    private static (double Squared, double Count) Spectral(SpectralOperator h, Tensor y, Tensor x)
    {
        var s = h.SingularValues;
        var measured = s.Greater(0).To(s.DType);
        var coordinates = h.UT(y) - h.VT(x) * s;
        // Every singular value stands for as many coordinates as it broadcasts to.
        var count = measured.To(DType.Float64).Sum().Item() * (coordinates.Count / (double)s.Count);
        return ((coordinates.Abs().Square() * measured).To(DType.Float64).Sum().Item(), count);
    }
}
