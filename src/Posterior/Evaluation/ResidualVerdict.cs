using System.Globalization;
using System.Text.Json.Serialization;
using Posterior.Imaging;
using Posterior.Metrics;
using Posterior.Operators;
using Posterior.Solvers;
using Posterior.Torch;

namespace Posterior.Evaluation;

/// <summary>What the residual of a restoration says.</summary>
public enum ResidualOutcome
{
    /// <summary>No noise was declared, and the result explains the measurement exactly.</summary>
    Exact,

    /// <summary>No noise was declared, and the result does not explain the measurement.</summary>
    Inexact,

    /// <summary>The residual is noise of the declared level.</summary>
    Declared,

    /// <summary>The measurement has another noise level than was declared.</summary>
    OtherLevel,

    /// <summary>The residual is above the declared noise, which is right: the estimate explains the measurement only in part.</summary>
    Above,

    /// <summary>The residual is below the declared noise: the estimate follows part of it.</summary>
    Below,

    /// <summary>The residual is no white noise.</summary>
    Structured,
}

/// <summary>
/// Whether <c>y - H x</c> is statistically the declared noise. For a sample of the exact posterior it is: given y, sample and truth have one distribution, so
/// <c>y - H x</c> has that of <c>y - H x_true = n</c>. A mean of the posterior explains part of the noise, and solvers are approximations, so levels and
/// correlations are compared with what chance leaves plus <see cref="LevelSlack"/> and <see cref="CorrelationSlack"/> (docs/uncertainty.md).
/// </summary>
/// <param name="Outcome">What it says.</param>
/// <param name="Sentence">The same as one sentence, for images in [0, 1].</param>
/// <param name="Level">The root of the mean square of the residual over the measured coordinates, for images in [0, 1].</param>
/// <param name="DegreesOfFreedom">The number of measured coordinates: of the chi-square distribution that <c>m Level^2 / sigma^2</c> has for the truth.</param>
public sealed record ResidualVerdict(
    [property: JsonConverter(typeof(JsonStringEnumConverter<ResidualOutcome>))] ResidualOutcome Outcome, string Sentence, double Level, double DegreesOfFreedom)
{
    /// <summary>By how much the level of a sound approximation may differ from sigma, relative, beyond chance.</summary>
    public const double LevelSlack = 0.15;

    /// <summary>How much correlation a sound approximation may leave in the residual, beyond chance.</summary>
    public const double CorrelationSlack = 0.1;

    // For images in [0, 1]. Rounding in single precision leaves 1e-7 to 1e-5; a step of an 8-bit file is 4e-3.
    private const double ExactUpTo = 1e-4;

    // Four standard deviations of a level: 1 / sqrt(2 m) relative.
    private const double LevelQuantile = 4;

    // What the estimator takes for noise in measurements that have none, for images in [0, 1], and how far it may be off, relative. Measured on 40 photographs of 256 x 256:
    // at most 0.011 in colour (sr4; 0.003 at full size), 0.029 in grey ones.
    private const double ColourFloor = 0.015, GreyFloor = 0.03, EstimateSlack = 0.15;

    /// <summary>The noise level that the measurement alone shows (<see cref="NoiseEstimate"/>), for images in [0, 1]; null where it is no whole picture.</summary>
    public double? EstimatedSigma { get; init; }

    /// <summary>The correlation of the residual's pixels; null where the measurement is no picture.</summary>
    public Autocorrelation? Whiteness { get; init; }

    /// <summary>Judges an estimate.</summary>
    /// <param name="measurement">The measurement, for images in [-1, 1].</param>
    /// <param name="x">The estimate, <c>[1, C, H, W]</c> in [-1, 1].</param>
    public static ResidualVerdict Of(IMeasurement<LinearOperator> measurement, Tensor x)
    {
        using var scope = new Scope();
        var declared = UnitSigma.FromSigned(measurement.Sigma).Value;
        var (mean, count) = Consistency.MeanSquare(measurement, x);
        var level = Math.Sqrt(mean);
        var picture = measurement.Operator.MakesPictures;
        var whiteness = picture ? Autocorrelation.Of(measurement.Data - measurement.Operator.Apply(x), (measurement.Operator as Inpainting)?.Mask.To(x.Device).To(x.DType)) : null;
        double? estimate = picture && measurement.Operator is not Inpainting && measurement.Operator.OutputShape.Skip(1).Min() >= NoiseEstimate.SmallestSide
            ? UnitSigma.FromSigned(NoiseEstimate.Of(measurement.Data)).Value
            : null;
        var outcome = Judge(declared, level, count, estimate, measurement.Operator.OutputShape[0] == 1 ? GreyFloor : ColourFloor, whiteness);
        return new(outcome, Describe(outcome, declared, level, estimate, whiteness), level, count) { EstimatedSigma = estimate, Whiteness = whiteness };
    }

    private static ResidualOutcome Judge(double declared, double level, double count, double? estimate, double floor, Autocorrelation? whiteness)
    {
        // What the measurement shows of itself comes first: a solver that is told too little noise makes an estimate that follows the rest.
        if (estimate > declared * (1 + EstimateSlack) + floor) return ResidualOutcome.OtherLevel;
        if (declared == 0) return level <= ExactUpTo ? ResidualOutcome.Exact : ResidualOutcome.Inexact;
        var chance = LevelQuantile / Math.Sqrt(2 * Math.Max(1, count));
        var (low, high) = (level < declared * (1 - LevelSlack - chance), level > declared * (1 + LevelSlack + chance));
        if (low && estimate < declared * (1 - EstimateSlack)) return ResidualOutcome.OtherLevel;
        // Below the noise floor the estimate holds noise, and correlations are those of what it left out.
        if (low) return ResidualOutcome.Below;
        if (whiteness is { } found && Math.Abs(found.Largest) > found.Bound + CorrelationSlack) return ResidualOutcome.Structured;
        // White and above the declared level is more noise, unless the measurement itself shows less.
        if (high) return estimate is null || estimate > level * (1 - EstimateSlack) ? ResidualOutcome.OtherLevel : ResidualOutcome.Above;
        return ResidualOutcome.Declared;
    }

    private static string Describe(ResidualOutcome outcome, double declared, double level, double? estimate, Autocorrelation? whiteness)
    {
        return outcome switch
        {
            ResidualOutcome.Exact => $"the result explains the measurement exactly (RMS difference {Text(level)})",
            ResidualOutcome.Inexact => $"the result does not explain the measurement exactly: it differs by {Text(level)} (RMS), and no noise was declared",
            ResidualOutcome.Declared => $"the residual is noise of the declared level ({Text(level)} for sigma {Text(declared)})",
            ResidualOutcome.OtherLevel => $"sigma looks like {Text(estimate ?? level)}, you said {Text(declared)}",
            ResidualOutcome.Above => $"the residual is {Text(level)} where the noise is {Text(declared)}: the estimate explains the measurement only in part",
            ResidualOutcome.Below => $"the residual is {Text(level)}, below the noise of {Text(declared)}: the estimate follows part of it, as a mean does and a sample should not",
            _ => $"the residual has structure (correlation {Text(whiteness!.Largest)} between pixels {whiteness.Rows} rows and {Math.Abs(whiteness.Columns)} columns apart): the operator may be wrong, or the solver took too few steps",
        };

        static string Text(double value) => value.ToString("G3", CultureInfo.InvariantCulture);
    }
}
