namespace Posterior.Torch.Nn;

/// <summary>Root-mean-square normalisation (Zhang and Sennrich 2019, arXiv:1910.07467).</summary>
public static class RmsNormalisation
{
    /// <summary><c>x gain / sqrt(mean x^2 + epsilon)</c> over the last dimension; on the CPU, also its derivative, in one pass over memory.</summary>
    /// <param name="x"><c>[N, ..., width]</c>.</param>
    /// <param name="gain"><c>[width]</c>, or <c>[N, width]</c> for gains of each image.</param>
    /// <param name="epsilon">Added to the mean.</param>
    public static Tensor Forward(Tensor x, Tensor gain, double epsilon)
    {
        ArgumentNullException.ThrowIfNull(x);
        ArgumentNullException.ThrowIfNull(gain);
        var start = LayerProfile.Start();
        var y = FastPath.RmsNorm(x, gain, epsilon) ?? ThroughAten(x, gain, epsilon);
        LayerProfile.Stop(start, "RMS norm", 0, y);
        return y;
    }

    internal static Tensor ThroughAten(Tensor x, Tensor gain, double epsilon)
    {
        using var scope = new Scope();
        var factors = gain.Rank == 1 ? gain : gain.Reshape([gain.Size(0), .. Enumerable.Repeat(1L, x.Rank - 2), gain.Size(1)]);
        return scope.Keep(x * (x.Square().Mean([-1], keepDimensions: true) + epsilon).Rsqrt() * factors);
    }
}
