using System.Globalization;
using Posterior.Imaging;
using Posterior.Operators;
using Posterior.Solvers;
using Posterior.Torch;

namespace Posterior.Evaluation;

/// <summary>
/// Whether measurements can be those of images in [0, 1]. For n numbers of an image and m of a measurement the root mean square of <c>H x</c> is at most
/// <c>|H| sqrt(n / m)</c>, with the largest singular value <c>|H|</c>, and noise adds about its level.
/// </summary>
internal static class MeasurementRange
{
    // Brighter images than [0, 1] and an understated noise level stay below it; values up to 255 do not.
    private const double Slack = 10;

    // Of the values after the division that a message proposes: rounding, and noise that was not stated.
    private const double ScaledSlack = 1.1;

    // The largest values of 8 and of 16 bits.
    private static readonly double[] _scales = [255, 65535];

    /// <summary>Checks a measurement; one of an operator without singular values passes.</summary>
    /// <param name="path">The file that it comes from.</param>
    /// <param name="h">The operator.</param>
    /// <param name="y"><c>[1, OutputShape]</c>, said to be for images in [0, 1].</param>
    /// <param name="sigma">The noise level for images in [0, 1].</param>
    /// <exception cref="MeasurementException">The values are far larger than the operator can make them.</exception>
    public static void Check(string path, LinearOperator h, Tensor y, double sigma)
    {
        if (h is not SpectralOperator spectral) return;
        using var scope = new Scope();
        var gain = spectral.SingularValues.Max().Item();
        // An estimate has the unit of the values, and would excuse them.
        var noise = Math.Min(sigma, Measurement<LinearOperator>.SigmaLimit / ValueRange.SignedPerUnit * Math.Max(1, gain));
        var expected = gain * Math.Sqrt(h.InputShape.Count / (double)y.Count) + noise;
        var exact = y.To(DType.Float64);
        if (RootMeanSquare(exact) <= Slack * expected) return;
        // Outside the operator's range, as where pixels are missing, a file may hold anything.
        var found = RootMeanSquare(spectral.U(spectral.UT(exact)));
        if (found <= Slack * expected) return;
        var fitting = _scales.FirstOrDefault(scale => found / scale <= ScaledSlack * expected);
        throw new MeasurementException(string.Create(
            CultureInfo.InvariantCulture,
            $"measurement '{path}' is not of images in [0, 1] through '{h.Name}': the root mean square of its values is {found:G3}, expected {expected:G3} or less{(fitting > 0 ? $"; divide its values by {fitting}" : "")}"));
    }

    private static double RootMeanSquare(Tensor values) => values.Norm().Item() / Math.Sqrt(values.Count);
}
