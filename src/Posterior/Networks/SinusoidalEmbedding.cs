using Posterior.Torch;

namespace Posterior.Networks;

/// <summary>
/// Times as vectors of cosines and sines of geometric frequencies (Vaswani et al. 2017, Sec. 3.5). The families differ in order and spacing,
/// and no choice is free. Everything is computed in Float32 and in the published order of operations: at large times the rounding
/// of the angle shows, and networks were trained with it.
/// </summary>
public static class SinusoidalEmbedding
{
    private const double MaxPeriod = 10000;

    /// <summary>
    /// <c>[cos | sin]</c>, frequencies <c>10000^(-i / half)</c>: guided-diffusion (nn.py, timestep_embedding); with the endpoint
    /// <c>10000^(-i / (half - 1))</c>: EDM's PositionalEmbedding for DDPM++.
    /// </summary>
    /// <param name="times">Float32 <c>[N]</c>.</param>
    /// <param name="channels">The even width of the result <c>[N, channels]</c>.</param>
    /// <param name="endpoint">Whether the last frequency is 1 / 10000.</param>
    public static Tensor CosineFirst(Tensor times, long channels, bool endpoint = false)
    {
        using var scope = new Scope();
        var half = channels / 2;
        var frequencies = (Tensor.Arange(0, half, device: times.Device) * -Math.Log(MaxPeriod) / (endpoint ? half - 1 : half)).Exp();
        var angles = Angles(times, frequencies);
        return scope.Keep(Tensor.Cat([angles.Cos(), angles.Sin()], 1));
    }

    /// <summary><c>[sin | cos]</c>, frequencies <c>10000^(-i / (half - 1))</c>: DDPM and its PyTorch descendants (models/diffusion.py).</summary>
    /// <param name="times">Float32 <c>[N]</c>.</param>
    /// <param name="channels">The even width of the result <c>[N, channels]</c>.</param>
    public static Tensor SineFirst(Tensor times, long channels)
    {
        using var scope = new Scope();
        var half = channels / 2;
        var frequencies = (Tensor.Arange(0, half, device: times.Device) * -(Math.Log(MaxPeriod) / (half - 1))).Exp();
        var angles = Angles(times, frequencies);
        return scope.Keep(Tensor.Cat([angles.Sin(), angles.Cos()], 1));
    }

    private static Tensor Angles(Tensor times, Tensor frequencies) => times.To(DType.Float32).Unsqueeze(1) * frequencies.Unsqueeze(0);
}
