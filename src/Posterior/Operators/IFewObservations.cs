using Posterior.Torch;

namespace Posterior.Operators;

/// <summary>
/// What a spectral operator offers whose observed coordinates come first and may be few beside all others: the transforms of those alone, with the thin factor <c>V_1</c> of
/// <c>H = U diag(s) V_1^T</c>.
/// </summary>
public interface IFewObservations
{
    /// <summary>The number r of observed coordinates, of one channel where the operator acts on each.</summary>
    long Rank { get; }

    /// <summary><c>V_1^T x</c>: the first r coordinates of images <c>[N, C, H, W]</c>, as <c>[..., r]</c> in the layout of <see cref="SpectralOperator.VT"/>.</summary>
    Tensor Observed(Tensor x);

    /// <summary><c>V_1 a</c>: the images, <c>[N, C, H, W]</c>, that have these observed coordinates and no others.</summary>
    Tensor FromObserved(Tensor a);
}
