using Posterior.Imaging;
using Posterior.Operators;

namespace Posterior.Diffusion;

/// <summary>What a one-shot restorer was trained on, as its card says.</summary>
/// <param name="Operator">The text of the operator; null where the card does not say.</param>
/// <param name="Noise">The least and the greatest standard deviation of the noise, for images in [0, 1]; null where the card does not say.</param>
public sealed record RestorerTraining(string? Operator, (double Min, double Max)? Noise)
{
    /// <summary>A line when a measurement is of another kind: the model then does what it likes.</summary>
    /// <param name="h">The operator.</param>
    /// <param name="sigma">The standard deviation of the noise, for images in [-1, 1].</param>
    public string? Warning(ForwardOperator h, double sigma)
    {
        var found = UnitSigma.FromSigned(sigma).Value;
        if (Operator is not null && Operator != h.Name) return $"out of distribution: the model was trained for '{Operator}', the operator is '{h.Name}'";
        // Levels that are estimated or rounded are still those of the training.
        return Noise is var (min, max) && (found < 0.9 * min - 1e-3 || found > 1.1 * max + 1e-3)
            ? FormattableString.Invariant($"out of distribution: the model was trained on noise of sigma {(min == max ? $"{min:0.####}" : $"{min:0.####} to {max:0.####}")}, this measurement has {found:0.####}")
            : null;
    }
}
