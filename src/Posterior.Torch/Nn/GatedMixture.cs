namespace Posterior.Torch.Nn;

/// <summary>
/// A linear map over the vectors of a stack and one more, each result scaled by a gate on its length beside the others': what InvFussion's layer makes of measurements (Eq. 7). Lengths do not depend
/// on the basis of the vectors nor on zeros among their numbers. In inference on the CPU, in single precision, an image at a time stays in the cache (<see cref="FastPath"/>).
/// </summary>
/// <remarks>With <c>z = W [x, y]</c> it gives <c>2 f z_i sigmoid(u_i r_i + v_i)</c>, <c>r_i = |z_i| / sqrt(|y|^2 + sum_j |z_j|^2 / k)</c>.</remarks>
/// <param name="Y">The one vector more of each image, <c>[N, M]</c>.</param>
/// <param name="Map">W, <c>[k, c + 1]</c>.</param>
/// <param name="Gate">u and v side by side, <c>[k, 2]</c>.</param>
/// <param name="Factor">f for each image, <c>[N]</c>; null for 1.</param>
public sealed record GatedMixture(Tensor Y, Tensor Map, Tensor Gate, Tensor? Factor = null)
{
    // Keeps quotients and derivatives finite where all is zero.
    internal const double Epsilon = 1e-8;

    /// <summary>The mixtures of stacks.</summary>
    /// <param name="x"><c>[N, c, M]</c>.</param>
    /// <returns><c>[N, k, M]</c>.</returns>
    public Tensor Forward(Tensor x)
    {
        var z = FastPath.GatedMixture(this, x) ?? ThroughAten(x);
        WorkMeter.CountProduct(Map, z);
        return z;
    }

    /// <summary>
    /// The mixtures of what matrices of the images' own measure, brought back by the rows of others: <c>f(x_i A_i^T) M_i B_i</c>. An image at a time, which stays in the cache, as does a matrix that is read again.
    /// </summary>
    /// <param name="x">Stacks of images with C channels, which are measured alike, <c>[N, c, C, P]</c>; <see cref="Y"/>, of C R numbers, holds the measurements of an image's channels one after another, each as long as its rows, then zeros.</param>
    /// <param name="there">A, <c>[N, R, P]</c>.</param>
    /// <param name="rows">The rows that count of each image, at most R.</param>
    /// <param name="between">M, <c>[N, R, R]</c>; null for the identity.</param>
    /// <param name="back">B, <c>[N, R, P]</c>.</param>
    /// <returns><c>[N, k, C, P]</c>; null where it must be done in parts: in training, on other devices, in double precision, for one image with a large matrix.</returns>
    public Tensor? Between(Tensor x, Tensor there, ReadOnlySpan<long> rows, Tensor? between, Tensor back)
    {
        if (there.Size(0) != rows.Length) throw new ArgumentException($"{there.Size(0)} matrices need as many numbers of rows, found {rows.Length}");
        if (FastPath.MeasuredMixture(this, x, there, rows, between, back) is not { } result) return null;
        var (most, width) = ((double)there.Size(1), (double)there.Size(2));
        WorkMeter.CountOperations(2 * most * (x.Count + result.Count + result.Count / width * (Map.Size(1) + (between is null ? 0 : most))));
        return result;
    }

    internal Tensor ThroughAten(Tensor x)
    {
        using var scope = new Scope();
        var z = Map.MatMul(Tensor.Cat([x, Y.Unsqueeze(1)], 1));
        var power = z.Square().Sum([2], keepDimensions: true);
        var reference = power.Mean([1], keepDimensions: true) + Y.Square().Sum([1]).Unsqueeze(1).Unsqueeze(1) + Epsilon;
        // The root has no derivative at 0.
        var factors = ((power / reference + Epsilon).Sqrt() * Gate.Narrow(1, 0, 1) + Gate.Narrow(1, 1, 1)).Sigmoid() * 2;
        return scope.Keep(z * (Factor is null ? factors : factors * Factor.Reshape(-1, 1, 1)));
    }
}
