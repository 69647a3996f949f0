using System.Globalization;
using Posterior.Imaging;
using Posterior.Solvers;

namespace Posterior.Evaluation;

/// <summary>Everything that decides what a restoration gives, besides the measurement: plain data, as a receipt holds it.</summary>
public sealed record RestorationSettings
{
    /// <summary>The operator's text form.</summary>
    public required string Operator { get; init; }

    /// <summary>The noise level for images in [0, 1]; null to estimate it from the measurement.</summary>
    public double? Sigma { get; init; }

    /// <summary>The solver's name.</summary>
    public string Solver { get; init; } = "ddrm";

    /// <summary>The solver's settings.</summary>
    public SolverSettings SolverSettings { get; init; } = new();

    /// <summary>The prior.</summary>
    public PriorSettings Prior { get; init; } = new();

    /// <summary>How many samples of the posterior are drawn.</summary>
    public int Samples { get; init; } = 1;

    /// <summary>Whether a picture is written that shows what the measurement fixes and what the prior supplied.</summary>
    public bool TruthMap { get; init; }

    /// <summary>The size of the image, where the measurement does not tell it.</summary>
    public ImageSize? Size { get; init; }

    /// <summary>The seed that the seeds of images and samples are derived from.</summary>
    public ulong Seed { get; init; }

    /// <summary>Bits of a sample in the output, 8, 16 or 32; null for those of the measurement, as far as the format has them.</summary>
    public int? Bits { get; init; }

    /// <summary>Reads a noise level: a number, a fraction as <c>25/255</c>, or <c>auto</c>.</summary>
    /// <returns>The level for images in [0, 1]; null for <c>auto</c>.</returns>
    /// <exception cref="MeasurementException">It is none of these, or out of range.</exception>
    public static double? ParseSigma(string text)
    {
        if (text == "auto") return null;
        var parts = text.Split('/');
        var numbers = new double[parts.Length];
        for (var i = 0; i < parts.Length; i++)
        {
            if (!double.TryParse(parts[i], NumberStyles.Float, CultureInfo.InvariantCulture, out numbers[i])) numbers[i] = double.NaN;
        }
        var value = numbers switch { [var one] => one, [var above, > 0 and var below] => above / below, _ => double.NaN };
        if (double.IsNaN(value)) throw new MeasurementException($"sigma '{text}' is no noise level: expected a number for images in [0, 1], a fraction as 25/255, or auto");
        try
        {
            return new UnitSigma(value).Value;
        }
        catch (ArgumentOutOfRangeException)
        {
            throw new MeasurementException(string.Create(CultureInfo.InvariantCulture, $"sigma is {value}: expected the standard deviation of the noise for images in [0, 1], from 0 to {UnitSigma.Max}"));
        }
    }
}
