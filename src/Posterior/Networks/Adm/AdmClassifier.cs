using Posterior.Torch;
using Posterior.Torch.Nn;

namespace Posterior.Networks.Adm;

/// <summary>
/// The classifier of noisy images of guided-diffusion (Dhariwal and Nichol 2021, Sec. 4; unet.py, EncoderUNetModel) with its published key names.
/// </summary>
public sealed class AdmClassifier : AdmTrunk
{
    private readonly GroupNorm _outNorm;
    private readonly AdmAttentionPool? _attentionPool;
    private readonly Conv2d? _outConvolution;

    /// <summary>A network with zero weights, to be loaded.</summary>
    /// <exception cref="ArgumentException">The settings contradict each other.</exception>
    public AdmClassifier(AdmClassifierSettings settings)
        : base(settings)
    {
        Settings = settings;
        var width = StageWidths[^1];
        _outNorm = Add("out.0", new GroupNorm(32, width));
        if (settings.Pool == AdmPool.Adaptive) _outConvolution = Add("out.3", new Conv2d(width, settings.OutChannels, 1));
        else _attentionPool = Add("out.2", new AdmAttentionPool(settings.ImageSize / SizeMultiple, width, settings.Heads(width, settings.NumHeads), settings.OutChannels));
    }

    /// <summary>The settings that the network was built with.</summary>
    public AdmClassifierSettings Settings { get; }

    /// <summary>The logits of the classes.</summary>
    /// <param name="x">Noisy images of a variance-preserving process, <c>[N, C, H, W]</c>; for attention pooling of the training size.</param>
    /// <param name="time">Their timesteps, <c>[N]</c>.</param>
    /// <returns><c>[N, classes]</c>, of the type of <paramref name="x"/>.</returns>
    /// <exception cref="ArgumentException">The images have another size than the network can take.</exception>
    public Tensor Forward(Tensor x, Tensor time)
    {
        using var scope = new Scope();
        var features = _outNorm.Forward(Encode(x.To(DType), Embed(time).Silu(), null), silu: true);
        var logits = _attentionPool?.Forward(features) ?? _outConvolution!.Forward(features.Mean([2, 3], keepDimensions: true)).Flatten(1);
        return scope.Keep(logits.To(x.DType));
    }
}
