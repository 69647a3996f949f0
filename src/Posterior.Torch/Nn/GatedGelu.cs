namespace Posterior.Torch.Nn;

/// <summary>The gate of GEGLU (Shazeer 2020, arXiv:2002.05202).</summary>
public static class GatedGelu
{
    /// <summary><c>a gelu(b)</c> of <c>x = [a | b]</c> in the last dimension, with the exact error function; on the CPU, also its derivative, in one pass over memory, the error function to 1.5e-7.</summary>
    /// <param name="x"><c>[..., 2 width]</c>.</param>
    /// <returns><c>[..., width]</c>.</returns>
    public static Tensor Forward(Tensor x)
    {
        ArgumentNullException.ThrowIfNull(x);
        var start = LayerProfile.Start();
        var y = FastPath.GatedGelu(x) ?? ThroughAten(x);
        LayerProfile.Stop(start, "gated GELU", 0, y);
        return y;
    }

    internal static Tensor ThroughAten(Tensor x)
    {
        using var scope = new Scope();
        var halves = x.Chunk(2, -1);
        return scope.Keep(halves[0] * halves[1].Gelu());
    }
}
