namespace Posterior.Torch.Nn;

/// <summary>
/// Softmax attention inside the square windows of an image, shifted or not, with a bias for each pair of tokens (Liu et al. 2021, arXiv:2103.14030, Eq. 4). On the CPU, also with derivatives of
/// the first order, logits exist for one window and head at a time, and nothing is rolled or cut into windows (<see cref="FastPath"/>).
/// </summary>
public static class WindowSelfAttention
{
    /// <summary><c>softmax(scale q k^T + bias + mask) v</c> for every window and head.</summary>
    /// <param name="qkv">Queries, keys and values side by side, <c>[N, H, W, 3 heads d]</c>; sides are multiples of the window.</param>
    /// <param name="heads">The heads.</param>
    /// <param name="window">The side of a window.</param>
    /// <param name="shift">How many pixels down and to the right the first window starts; those that leave the image come in at the other side.</param>
    /// <param name="scale">What similarities are multiplied by.</param>
    /// <param name="bias">What is added to the logits of every window, <c>[heads, tokens, tokens]</c>.</param>
    /// <param name="mask">What is added to the logits of each window of an image, <c>[windows, tokens, tokens]</c>; null for nothing.</param>
    /// <returns><c>[N, H, W, heads d]</c>.</returns>
    public static Tensor Forward(Tensor qkv, int heads, int window, int shift, double scale, Tensor bias, Tensor? mask = null)
    {
        ArgumentNullException.ThrowIfNull(qkv);
        ArgumentNullException.ThrowIfNull(bias);
        var start = LayerProfile.Start();
        var result = FastPath.WindowAttention(qkv, heads, window, shift, scale, bias, mask) ?? ThroughAten(qkv, heads, window, shift, scale, bias, mask);
        WorkMeter.CountWindowAttention(result, window * window);
        LayerProfile.Stop(start, "window attention", 4.0 * result.Count * window * window, result);
        return result;
    }

    internal static Tensor ThroughAten(Tensor qkv, int heads, int window, int shift, double scale, Tensor bias, Tensor? mask)
    {
        using var scope = new Scope();
        var (height, width, channels, tokens) = (qkv.Size(1), qkv.Size(2), qkv.Size(3) / 3, (long)window * window);
        var moved = shift > 0 ? qkv.Roll([-shift, -shift], [1, 2]) : qkv;
        // [3, N windows, heads, tokens, d]
        var parts = moved.Reshape(qkv.Size(0), height / window, window, width / window, window, 3 * channels).Permute(0, 1, 3, 2, 4, 5)
            .Reshape(-1, tokens, 3, heads, channels / heads).Permute(2, 0, 3, 1, 4);
        var (q, k, v) = (parts.Select(0, 0) * scale, parts.Select(0, 1), parts.Select(0, 2));
        var logits = q.MatMul(k.Transpose(2, 3)) + bias.To(qkv.DType).Unsqueeze(0);
        if (mask is not null)
            logits = (logits.Reshape(-1, mask.Size(0), heads, tokens, tokens) + mask.To(qkv.DType).Unsqueeze(1).Unsqueeze(0)).Reshape(-1, heads, tokens, tokens);
        var result = logits.Softmax(-1).MatMul(v).Transpose(1, 2)
            .Reshape(-1, height / window, width / window, window, window, channels).Permute(0, 1, 3, 2, 4, 5).Reshape(-1, height, width, channels);
        return scope.Keep(shift > 0 ? result.Roll([shift, shift], [1, 2]) : result);
    }
}
