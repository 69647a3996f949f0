using Posterior.Imaging;
using Posterior.Operators;

namespace Posterior.Diffusion;

/// <summary>What a model that takes measurements was trained on, as its card says.</summary>
/// <param name="Families">Names of operator families.</param>
/// <param name="Noise">The standard deviation of the measurement noise for images in [0, 1].</param>
public sealed record TrainedDegradations(IReadOnlyList<string> Families, double Noise)
{
    /// <summary>A line when a measurement is of another kind: the model then extrapolates.</summary>
    /// <param name="h">The operator.</param>
    /// <param name="sigma">The standard deviation of the noise, for images in [-1, 1].</param>
    public string? Warning(ForwardOperator h, double sigma)
    {
        // The text form of an operator starts with the name of its family.
        var family = h.Name.Split(':')[0];
        var found = UnitSigma.FromSigned(sigma).Value;
        return !Families.Contains(family, StringComparer.OrdinalIgnoreCase) ? $"out of distribution: the model was trained on {string.Join(", ", Families)}, the operator is '{h.Name}'"
            : Math.Abs(found - Noise) > 0.1 * Noise + 1e-3 ? FormattableString.Invariant($"out of distribution: the model was trained on measurements with noise of sigma {Noise:0.####}, this one has {found:0.####}")
            : null;
    }
}
