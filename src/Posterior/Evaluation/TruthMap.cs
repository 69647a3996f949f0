using Posterior.Imaging;
using Posterior.Operators;
using Posterior.Torch;

namespace Posterior.Evaluation;

/// <summary>
/// A restored image split into what the measurement fixes and what the prior supplied: <c>x = H^+ H x + (I - H^+ H) x</c>, two orthogonal parts. Every image that
/// explains the measurement has the same first part; the second is the solver's choice among them, plausible and not measured.
/// </summary>
/// <param name="Evidence"><c>H^+ H x</c>, <c>[N, C, H, W]</c>, for images in [-1, 1]: 0, a middle grey, where nothing was measured.</param>
/// <param name="Invention"><c>(I - H^+ H) x</c>, of the same shape: 0 where everything was measured.</param>
public sealed record TruthMap(Tensor Evidence, Tensor Invention)
{
    // The standard deviation, for images in [0, 1], that is painted in full red.
    private const double FullRed = 0.2;

    /// <summary>Splits images.</summary>
    /// <param name="h">The operator; one without singular values is inverted by conjugate gradients.</param>
    /// <param name="x">Images, <c>[N, C, H, W]</c> in [-1, 1].</param>
    /// <returns>Parts that belong to the caller's scope. Where the operator selects pixels they are exact.</returns>
    public static TruthMap Of(LinearOperator h, Tensor x)
    {
        using var scope = new Scope();
        var evidence = h is SpectralOperator spectral ? Measured(spectral, x) : h.PseudoInverse(h.Apply(x));
        return new(scope.Keep(evidence), scope.Keep(x - evidence));
    }

    /// <summary>The root of the mean square of both parts, for images in [0, 1]; their squares add up to that of the whole image, counted from middle grey.</summary>
    public TruthEnergy Energy()
    {
        return new(Rms(Evidence), Rms(Invention));

        static double Rms(Tensor part)
        {
            using var scope = new Scope();
            return UnitSigma.FromSigned(Math.Sqrt(part.To(DType.Float64).Square().Mean().Item())).Value;
        }
    }

    /// <summary>Shows one image: restored, evidence, invention, and with samples their standard deviation in red on top.</summary>
    /// <param name="deviation">The standard deviation of samples, <c>[1, C, H, W]</c> for images in [0, 1]; null for none.</param>
    /// <returns><c>[1, 3, H, W]</c> in [0, 1].</returns>
    public Tensor Render(Tensor? deviation = null)
    {
        using var scope = new Scope();
        var restored = ValueRange.ToUnit(Evidence + Invention);
        List<ContactSheet.Cell> cells =
        [
            new(restored, "restored"),
            new(ValueRange.ToUnit(Evidence), "fixed by the measurement"),
            new(ValueRange.ToUnit(Invention), "supplied by the prior (grey: nothing)"),
        ];
        if (deviation is not null) cells.Add(new(InRed(restored, deviation), "standard deviation in red (full: 0.2)"));
        return scope.Keep(ContactSheet.Render([cells]));
    }

    // The projection on the measured coordinates, without dividing by small singular values.
    private static Tensor Measured(SpectralOperator h, Tensor x)
    {
        using var scope = new Scope();
        var coordinates = h.VT(x);
        return scope.Keep(h.V(h.SingularValues.Greater(0).Where(coordinates, coordinates.ZerosLike())));
    }

    private static Tensor InRed(Tensor restored, Tensor deviation)
    {
        var grey = Colour.ToGrey(restored).Clamp(0, 1);
        var share = (Colour.ToGrey(deviation) / FullRed).Clamp(0, 1);
        var kept = grey * (1 - share);
        return Tensor.Cat([kept + share, kept, kept], 1);
    }
}

/// <summary>How large the two parts of a <see cref="TruthMap"/> are, for images in [0, 1].</summary>
/// <param name="Evidence">The root of the mean square of what the measurement fixes.</param>
/// <param name="Invention">The root of the mean square of what the prior supplied.</param>
public sealed record TruthEnergy(double Evidence, double Invention);
