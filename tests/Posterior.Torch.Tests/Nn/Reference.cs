namespace Posterior.Torch.Tests.Nn;

/// <summary>Comparison with a result in double precision.</summary>
internal static class Reference
{
    /// <summary>Random numbers of a type, and the same numbers in double precision.</summary>
    public static (Tensor Given, Tensor Exact) Random(ulong seed, DType dtype, params long[] shape)
    {
        var given = new SeededNoise(seed).Normal([1, .. shape]).Squeeze(0).To(dtype);
        return (given, given.To(DType.Float64));
    }

    /// <summary>The largest difference, relative to the largest expected number.</summary>
    public static double Error(Tensor actual, Tensor expected)
    {
        Assert.Equal(expected.Shape.ToArray(), actual.Shape.ToArray());
        using var scope = new Scope();
        return (actual.To(DType.Float64) - expected).Abs().Max().Item() / Math.Max(1e-30, expected.Abs().Max().Item());
    }

    /// <summary>What rounding may cost: fp32 1e-5, bf16 1e-2.</summary>
    public static double Tolerance(DType dtype) => dtype == DType.BFloat16 ? 1e-2 : 1e-5;
}
