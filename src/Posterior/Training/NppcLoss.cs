using Posterior.Diffusion;
using Posterior.Torch;

namespace Posterior.Training;

/// <summary>
/// The loss of neural posterior principal components (Nehme, Yair, Michaeli 2023): a network's K directions shall span where the error of a restoration lies, and
/// their lengths shall be its standard deviations.
/// </summary>
/// <param name="SecondMomentWeight">The final weight of the lengths' term.</param>
/// <param name="Grace">Steps after which that weight is reached; over the first half it is a millionth of it, then it rises linearly.</param>
public sealed record NppcLoss(double SecondMomentWeight = 1, long Grace = 1000)
{
    // The least share of the weight, so that lengths are never free.
    private const double LeastShare = 1e-6;

    /// <summary>
    /// Directions made orthogonal (Gram-Schmidt), not normalised: each loses its projections on the earlier normalised ones, which are constants for differentiation.
    /// </summary>
    /// <param name="raw">The network's output, <c>[N, K, C, H, W]</c>.</param>
    /// <returns>The same shape.</returns>
    public static Tensor Orthogonalise(Tensor raw) => PrincipalComponents.Orthogonalise(raw);

    /// <summary>The terms of the loss, with their autograd history.</summary>
    /// <param name="raw">The network's output, <c>[N, K, C, H, W]</c>.</param>
    /// <param name="clean">The originals, <c>[N, C, H, W]</c>.</param>
    /// <param name="restored">The restorations whose error is modelled, of the same shape; not equal to the originals.</param>
    public static NppcTerms Evaluate(Tensor raw, Tensor clean, Tensor restored)
    {
        using var scope = new Scope();
        var directions = Orthogonalise(raw);
        var w = directions.Flatten(2);
        var lengths = w.Norm([2], keepDimensions: true);
        var error = (clean - restored).Flatten(1);
        var size = error.Norm([1], keepDimensions: true);
        // e / |e| and the lengths in units of |e|, so that images with large errors do not count more.
        var projections = ((w / lengths) * (error / size).Unsqueeze(1)).Sum([2]);
        var relative = lengths.Squeeze(2) / size;
        var unexplained = 1 - projections.Square().Sum([1]);
        var moments = (relative.Square() - projections.Detach().Square()).Square();
        return new(
            scope.Keep(directions), scope.Keep(size.Square().Squeeze(1)), scope.Keep(projections), scope.Keep(relative), scope.Keep(unexplained), scope.Keep(moments));
    }

    /// <summary>The weight of the lengths' term at a training step.</summary>
    public double WeightAt(long step) => SecondMomentWeight * Math.Clamp(2.0 * step / Grace - 1, LeastShare, 1);

    /// <summary>The loss of each image, whose mean is what is lowered: unexplained energy plus the weighted mean of the lengths' term.</summary>
    /// <param name="terms">The terms.</param>
    /// <param name="step">The training step, from 0.</param>
    /// <returns><c>[N]</c>.</returns>
    public Tensor Combine(NppcTerms terms, long step)
    {
        using var scope = new Scope();
        return scope.Keep(terms.Unexplained.AddScaled(terms.SecondMoments.Mean([1]), WeightAt(step)));
    }
}

/// <summary>The terms of <see cref="NppcLoss"/>.</summary>
/// <param name="Directions">Orthogonal directions, <c>[N, K, C, H, W]</c>: principal components, as long as the standard deviation along them.</param>
/// <param name="SquaredError"><c>|e|^2</c>, a sum over the image, <c>[N]</c>.</param>
/// <param name="Projections">The normalised error along each normalised direction, <c>[N, K]</c>.</param>
/// <param name="Lengths">The directions' lengths over <c>|e|</c>, <c>[N, K]</c>.</param>
/// <param name="Unexplained">The share of the error's energy outside the directions, <c>[N]</c>.</param>
/// <param name="SecondMoments">The squared error of the squared lengths against the squared projections, <c>[N, K]</c>.</param>
public sealed record NppcTerms(Tensor Directions, Tensor SquaredError, Tensor Projections, Tensor Lengths, Tensor Unexplained, Tensor SecondMoments);
