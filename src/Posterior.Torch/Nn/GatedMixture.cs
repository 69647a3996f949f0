namespace Posterior.Torch.Nn;

/// <summary>
/// A linear map over the vectors of a stack and one more, each result scaled by a gate on its length beside the others': what InvFussion's layer makes of measurements (Eq. 7). Lengths do not depend
/// on the basis of the vectors nor on zeros among their numbers. In inference on the CPU, in single precision, an image at a time stays in the cache (<see cref="FastPath"/>).
/// </summary>
public static class GatedMixture
{
    // Keeps quotients and derivatives finite where all is zero.
    private const double Epsilon = 1e-8;

    /// <summary>
    /// With <c>z = W [x, y]</c>: <c>2 f z_i sigmoid(u_i r_i + v_i)</c>, <c>r_i = |z_i| / sqrt(|y|^2 + sum_j |z_j|^2 / k)</c>.
    /// </summary>
    /// <param name="x"><c>[N, c, M]</c>.</param>
    /// <param name="y"><c>[N, M]</c>.</param>
    /// <param name="map">W, <c>[k, c + 1]</c>.</param>
    /// <param name="gate">u and v side by side, <c>[k, 2]</c>.</param>
    /// <param name="factor">f for each image, <c>[N]</c>; null for 1.</param>
    /// <returns><c>[N, k, M]</c>.</returns>
    public static Tensor Forward(Tensor x, Tensor y, Tensor map, Tensor gate, Tensor? factor = null)
    {
        var z = FastPath.GatedMixture(x, y, map, gate, factor, Epsilon) ?? ThroughAten(x, y, map, gate, factor);
        WorkMeter.CountProduct(map, z);
        return z;
    }

    internal static Tensor ThroughAten(Tensor x, Tensor y, Tensor map, Tensor gate, Tensor? factor)
    {
        using var scope = new Scope();
        var z = map.MatMul(Tensor.Cat([x, y.Unsqueeze(1)], 1));
        var power = z.Square().Sum([2], keepDimensions: true);
        var reference = power.Mean([1], keepDimensions: true) + y.Square().Sum([1]).Unsqueeze(1).Unsqueeze(1) + Epsilon;
        // The root has no derivative at 0.
        var factors = ((power / reference + Epsilon).Sqrt() * gate.Narrow(1, 0, 1) + gate.Narrow(1, 1, 1)).Sigmoid() * 2;
        return scope.Keep(z * (factor is null ? factors : factors * factor.Reshape(-1, 1, 1)));
    }
}
