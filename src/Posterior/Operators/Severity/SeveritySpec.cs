using Posterior.Imaging;
using Posterior.Torch;

namespace Posterior.Operators;

/// <summary>
/// A degradation that comes in severities s from 0 (nearly none) to 1: what <see cref="SeverityProcess"/> runs through. As an operator of the catalogue it is the
/// degradation at one severity, which the text form calls <c>t</c>.
/// </summary>
/// <param name="Severity">The severity of the operator that <see cref="OperatorSpec.Bind"/> makes, from 0 to 1.</param>
public abstract record SeveritySpec(double Severity) : OperatorSpec
{
    /// <summary>Singular values below it count as zero in the operator with a decomposition, so that its pseudo-inverse does not blow rounding up; <see cref="At"/> keeps all.</summary>
    public const double Threshold = 1e-3;

    /// <summary>How the severity is written, for the catalogue.</summary>
    private protected const string Form = "t=1";

    /// <summary>The degradation at a severity, exact and without a decomposition. The caller disposes it.</summary>
    /// <param name="shape">The shape of images.</param>
    /// <param name="severity">From 0 to 1.</param>
    /// <exception cref="OperatorException">The degradation does not fit the shape.</exception>
    public LinearOperator At(ImageShape shape, double severity)
    {
        using var noGrad = new NoGrad();
        using var scope = new Scope();
        return Exact(shape, Math.Clamp(severity, 0, 1));
    }

    /// <summary>Degrades images, each at a severity of its own; differentiable.</summary>
    /// <param name="x"><c>[N, C, H, W]</c>, Float32 or Float64.</param>
    /// <param name="severities">One for each image, from 0 to 1.</param>
    public abstract Tensor Degrade(Tensor x, ReadOnlySpan<double> severities);

    /// <summary>The degradation at a severity.</summary>
    private protected abstract LinearOperator Exact(ImageShape shape, double severity);

    /// <summary>Reads the severity of a text form.</summary>
    private protected static double Read(OperatorText text) => text.Real("t", 0, 1) ?? 1;

    /// <summary>The severity where it is not 1.</summary>
    private protected string Written() => Severity == 1 ? "" : $",t={Operators.Text.Of(Severity)}";

    /// <summary>One tensor of double precision for each image, stacked in the type and on the device of the images.</summary>
    private protected static Tensor Stack(ReadOnlySpan<double> severities, Tensor like, Func<double, Tensor> make)
    {
        if (severities.Length != like.Size(0)) throw new ArgumentException($"expected a severity for each of {like.Size(0)} images, found {severities.Length}", nameof(severities));
        using var scope = new Scope();
        var all = new Tensor[severities.Length];
        for (var i = 0; i < all.Length; i++) all[i] = make(Math.Clamp(severities[i], 0, 1));
        return scope.Keep(Tensor.Stack(all).To(like.DType).To(like.Device));
    }
}
