using Posterior.Diffusion;
using Posterior.Torch;

namespace Posterior.Tests.Diffusion;

/// <summary>
/// A fully convolutional network with random weights, one halving of resolution and zero padding: its receptive radius is 1 + 2 * 1 + 1 + ... below 12
/// pixels, and it needs even sizes. It records the largest image that it saw.
/// </summary>
internal sealed class RandomConvolutions : Denoiser, IDisposable
{
    public const int Radius = 12;

    private readonly Tensor _first, _down, _middle, _last;

    public RandomConvolutions(long channels)
    {
        Channels = channels;
        var noise = new SeededNoise(11);
        Tensor Weight(long outputs, long inputs)
        {
            using var scope = new Scope();
            return scope.Keep(noise.Normal([1, outputs * inputs * 9]).Reshape(outputs, inputs, 3, 3) / Math.Sqrt(inputs * 9));
        }
        (_first, _down, _middle, _last) = (Weight(6, channels), Weight(8, 6), Weight(6, 8), Weight(channels, 12));
    }

    public override long? Channels { get; }

    public override (double Min, double Max) SigmaRange => (0.01, 10);

    public long LargestImage { get; private set; }

    public int Calls { get; private set; }

    public override Tensor Denoise(Tensor x, double sigma)
    {
        Calls++;
        LargestImage = Math.Max(LargestImage, x.Size(2) * x.Size(3));
        using var scope = new Scope();
        var a = x.Conv2d(_first, padding: 1).Silu();
        var b = a.Conv2d(_down, stride: 2, padding: 1).Silu().Conv2d(_middle, padding: 1);
        var up = b.UpsampleNearest(2 * b.Size(2), 2 * b.Size(3));
        return scope.Keep(Tensor.Cat([a, up], 1).Conv2d(_last, padding: 1) / (1 + sigma));
    }

    public void Dispose()
    {
        foreach (var weight in (Tensor[])[_first, _down, _middle, _last]) weight.Dispose();
    }
}
