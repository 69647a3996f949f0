using Posterior.Diffusion;
using Posterior.Torch;
using Posterior.Torch.Nn;

namespace Posterior.Networks.Adm;

/// <summary>
/// The denoiser of guided-diffusion (Dhariwal and Nichol 2021; openai/guided-diffusion unet.py, UNetModel) with its published key names.
/// It predicts the noise of a variance-preserving state, in [-1, 1] for the clean part, and perhaps variances in further channels.
/// </summary>
public sealed class AdmUNet : AdmTrunk, INoiseConditioned
{
    private readonly Embedding? _classes;
    private readonly List<AdmStage> _outputs = [];
    private readonly GroupNorm _outNorm;
    private readonly Conv2d _outConvolution;

    /// <summary>A network with zero weights, to be loaded.</summary>
    /// <exception cref="ArgumentException">The settings contradict each other.</exception>
    public AdmUNet(AdmUNetSettings settings)
        : base(settings)
    {
        Settings = settings;
        if (settings.NumClasses > 0) _classes = Add("label_emb", new Embedding(settings.NumClasses, EmbeddingChannels));

        var heads = settings.NumHeadsUpsample == -1 ? settings.NumHeads : settings.NumHeadsUpsample;
        var skips = new Stack<long>(StageWidths);
        var width = StageWidths[^1];
        for (var level = settings.ChannelMult.Count - 1; level >= 0; level--)
        {
            for (var i = 0; i <= settings.NumResBlocks; i++)
            {
                var stage = new AdmStage().Then(Block(settings, width + skips.Pop(), settings.Width(level)));
                width = settings.Width(level);
                if (settings.AttentionResolutions.Contains(1 << level)) stage.Then(Attend(settings, width, heads));
                if (level > 0 && i == settings.NumResBlocks) stage.Then(Resampler(settings, width, Resampling.Up));
                _outputs.Add(Add($"output_blocks.{_outputs.Count}", stage));
            }
        }
        _outNorm = Add("out.0", new GroupNorm(32, width));
        _outConvolution = Add("out.2", new Conv2d(width, settings.OutChannels, 3, padding: 1));
    }

    /// <summary>The settings that the network was built with.</summary>
    public AdmUNetSettings Settings { get; }

    /// <inheritdoc/>
    public int ImageChannels => Settings.InChannels;

    /// <inheritdoc/>
    public int Classes => Settings.NumClasses;

    /// <inheritdoc/>
    public double FinestChannels => Settings.ModelChannels;

    /// <inheritdoc/>
    public bool PairsPlaces => true;

    /// <summary>Evaluates the network.</summary>
    /// <param name="x">Noisy images of the variance-preserving process, <c>[N, InChannels, H, W]</c>.</param>
    /// <param name="time">Their timesteps, <c>[N]</c>.</param>
    /// <param name="labels">The class of each image, Int64 <c>[N]</c>; null exactly for an unconditional network.</param>
    /// <returns><c>[N, OutChannels, H, W]</c>, of the type of <paramref name="x"/>.</returns>
    /// <exception cref="ArgumentException">A size does not fit, or labels are missing or not expected.</exception>
    public Tensor Forward(Tensor x, Tensor time, Tensor? labels = null)
    {
        if (labels is null != _classes is null)
            throw new ArgumentException(_classes is null ? "the network is unconditional: expected no labels" : $"the network expects a label below {Classes} for each image, found none", nameof(labels));
        using var scope = new Scope();
        var embedding = Embed(time);
        if (_classes is not null) embedding = embedding + _classes.Forward(labels!);
        embedding = embedding.Silu();

        var skips = new Stack<Tensor>();
        var h = Encode(x.To(DType), embedding, skips);
        foreach (var stage in _outputs)
        {
            using var step = new Scope();
            var skip = skips.Pop();
            step.Replace(ref h, stage.Forward(h, embedding, skip));
            skip.Dispose();
        }
        return scope.Keep(_outConvolution.Forward(_outNorm.Forward(h, silu: true)).To(x.DType));
    }
}
