namespace Posterior.Torch.Nn;

/// <summary>Softmax attention (Vaswani et al. 2017, Eq. 1).</summary>
public static class DotProductAttention
{
    /// <summary><c>softmax(q^T k / sqrt(d)) v</c> for every image and head. In inference on the CPU the logits exist for a few queries at a time only.</summary>
    /// <param name="q">Queries, <c>[N, heads, d, T]</c>; views of channels-last features are fastest.</param>
    /// <param name="k">Keys, <c>[N, heads, d, S]</c>.</param>
    /// <param name="v">Values, <c>[N, heads, d, S]</c>.</param>
    /// <returns><c>[N, heads, T, d]</c>.</returns>
    public static Tensor Forward(Tensor q, Tensor k, Tensor v)
    {
        var start = LayerProfile.Start();
        var result = FastPath.Attention(q, k, v) ?? ThroughAten(q, k, v);
        WorkMeter.CountAttention(q, k);
        LayerProfile.Stop(start, "attention", 4.0 * q.Count * k.Size(3), result);
        return result;
    }

    private static Tensor ThroughAten(Tensor q, Tensor k, Tensor v)
    {
        using var scope = new Scope();
        var logits = (q * (1 / Math.Sqrt(q.Size(2)))).Transpose(2, 3).MatMul(k);
        return scope.Keep(logits.Softmax(-1).MatMul(v.Transpose(2, 3)));
    }
}
