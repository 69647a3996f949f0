using Posterior.Torch;
using Posterior.Torch.Nn;

namespace Posterior.Networks.Edm;

/// <summary>EDM's FourierEmbedding: <c>[cos | sin](2 pi f c)</c> of a noise label c with stored frequencies f (key <c>freqs</c>).</summary>
public sealed class FourierFrequencies : Module
{
    private readonly Parameter _frequencies;

    /// <summary>A layer with zero frequencies, to be loaded.</summary>
    public FourierFrequencies(long channels) => _frequencies = AddBuffer("freqs", Tensor.Zeros([channels / 2]), exact: true);

    /// <summary>Labels <c>[N]</c> to <c>[N, channels]</c>.</summary>
    public Tensor Forward(Tensor labels)
    {
        // 2 pi f is rounded to single precision first: the order matters for the digits of large angles.
        using var scope = new Scope();
        var angles = labels.To(DType.Float32).Unsqueeze(1) * (_frequencies.Value * (2 * Math.PI)).Unsqueeze(0);
        return scope.Keep(Tensor.Cat([angles.Cos(), angles.Sin()], 1));
    }

    /// <summary>Random frequencies.</summary>
    /// <param name="noise">A source for a batch of one.</param>
    /// <param name="scale">Their standard deviation, in periods over a unit of the label; 16 is the published one.</param>
    public void Initialise(NoiseSource noise, double scale = 16)
    {
        using var noGrad = new NoGrad();
        using var scope = new Scope();
        _frequencies.Value.CopyFrom(noise.Normal([1, _frequencies.Value.Count]).Reshape(-1) * scale);
    }
}
