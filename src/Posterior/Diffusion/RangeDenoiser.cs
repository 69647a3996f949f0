using Posterior.Torch;

namespace Posterior.Diffusion;

/// <summary>A denoiser of images whose black and white are other numbers than -1 and 1, such as [0, 1], in the library's range.</summary>
public sealed class RangeDenoiser : Denoiser, IClassConditional
{
    private readonly Denoiser _inner;
    private readonly double _black, _white;

    /// <summary>Converts around a denoiser.</summary>
    /// <param name="inner">Works on images from <paramref name="black"/> to <paramref name="white"/>, with noise levels in the same units.</param>
    /// <param name="black">What it calls black.</param>
    /// <param name="white">What it calls white.</param>
    public RangeDenoiser(Denoiser inner, double black, double white) => (_inner, _black, _white) = (inner, black, white);

    /// <inheritdoc/>
    public override long? Channels => _inner.Channels;

    /// <inheritdoc/>
    public override (double Min, double Max) SigmaRange => (_inner.SigmaRange.Min / Scale, _inner.SigmaRange.Max / Scale);

    /// <summary>The other denoiser's, as it stands: levels that suit images in [-1, 1] suit them whatever numbers the network has for black and white.</summary>
    public override NoiseSchedule Schedule => _inner.Schedule;

    /// <inheritdoc/>
    public int Classes => _inner is IClassConditional conditional ? conditional.Classes : 0;

    private double Scale => (_white - _black) / 2;

    private double Middle => (_white + _black) / 2;

    /// <inheritdoc/>
    /// <exception cref="InvalidOperationException">The denoiser knows no classes.</exception>
    public Denoiser WithLabels(params long[] labels) => _inner is IClassConditional conditional
        ? new RangeDenoiser(conditional.WithLabels(labels), _black, _white)
        : throw new InvalidOperationException("the denoiser is unconditional: it takes no class labels");

    /// <inheritdoc/>
    public override Tensor Denoise(Tensor x, double sigma)
    {
        using var scope = new Scope();
        return scope.Keep((_inner.Denoise(x * Scale + Middle, sigma * Scale) - Middle) * (1 / Scale));
    }

    /// <inheritdoc/>
    public override (Tensor Estimate, Tensor VarianceShare) DenoiseWithVariance(Tensor x, double sigma)
    {
        using var scope = new Scope();
        var (estimate, share) = _inner.DenoiseWithVariance(x * Scale + Middle, sigma * Scale);
        return (scope.Keep((estimate - Middle) * (1 / Scale)), scope.Keep(share));
    }
}
