using Posterior.Torch;
using Posterior.Torch.Nn;

namespace Posterior.Networks;

/// <summary>A residual block of <see cref="PhotoUNet"/>: <c>x + conv(relu((1 + a) conv(x) + b))</c>, where the noise level gives a and b for each channel.</summary>
internal sealed class PhotoBlock : Module
{
    private readonly Conv2d _first, _second;
    private readonly Linear _modulation;

    /// <summary>A block of the given width, with zero weights.</summary>
    public PhotoBlock(int width, int embeddingWidth)
    {
        _modulation = Add("modulation", new Linear(embeddingWidth, 2 * width));
        _first = Add("first", new Conv2d(width, width, 3, padding: 1, bias: false));
        _second = Add("second", new Conv2d(width, width, 3, padding: 1));
    }

    /// <summary>Applies the block to <c>[N, width, H, W]</c> with the embedding <c>[N, embeddingWidth]</c>.</summary>
    public Tensor Forward(Tensor x, Tensor embedding)
    {
        using var scope = new Scope();
        var modulation = _modulation.Forward(embedding).To(x.DType).Unsqueeze(2).Unsqueeze(3);
        var halves = modulation.Chunk(2, 1);
        var h = _first.ForwardModulated(x, scale: halves[0], shift: halves[1], Activation.Relu);
        return scope.Keep(_second.Forward(h, residual: x));
    }

    /// <summary>Random weights; the branch adds variance <paramref name="gain"/> squared.</summary>
    public void Initialise(NoiseSource noise, double gain)
    {
        _modulation.Initialise(noise, 0.1);
        _first.Initialise(noise, Math.Sqrt(2));
        _second.Initialise(noise, gain);
    }

    /// <summary>The branch adds nothing until it has learned to.</summary>
    public void StartAsIdentity()
    {
        using var noGrad = new NoGrad();
        foreach (var (_, tensor) in _second.NamedTensors) tensor.CopyFrom(tensor.ZerosLike());
    }
}
