using Posterior.Torch;

namespace Posterior.Metrics;

/// <summary>A number that says how close estimates are to the truth.</summary>
public interface IMetric
{
    /// <summary>The name that tables and commands use, in lower case: <c>psnr</c>.</summary>
    string Name { get; }

    /// <summary>The unit, <c>dB</c>; empty for a pure number.</summary>
    string Unit { get; }

    /// <summary>Whether a larger value is a better one.</summary>
    bool HigherIsBetter { get; }

    /// <summary>Compares images one by one.</summary>
    /// <param name="estimate"><c>[N, C, H, W]</c>, in [0, 1].</param>
    /// <param name="truth">The same shape, in [0, 1].</param>
    /// <returns>N values. A set's value is their mean.</returns>
    /// <exception cref="ArgumentException">The shapes differ or do not suit the metric.</exception>
    double[] Compare(Tensor estimate, Tensor truth);
}
