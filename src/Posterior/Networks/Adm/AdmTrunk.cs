using Posterior.Torch;
using Posterior.Torch.Nn;

namespace Posterior.Networks.Adm;

/// <summary>What guided-diffusion's denoiser and classifier share: the time embedding, the encoder and the bottleneck.</summary>
public abstract class AdmTrunk : Module
{
    private const int MostLevels = 16;

    private readonly Linear _time0, _time2;
    private readonly List<AdmStage> _inputs = [];
    private readonly AdmStage _middle;
    private readonly long _modelChannels;

    /// <summary>A trunk with zero weights, to be loaded.</summary>
    /// <exception cref="ArgumentException">The settings contradict each other.</exception>
    protected AdmTrunk(AdmTrunkSettings settings)
    {
        ArgumentNullException.ThrowIfNull(settings);
        if (settings.ChannelMult.Count is 0 or > MostLevels || settings.NumResBlocks < 1)
            throw new ArgumentException($"an ADM network needs 1 to {MostLevels} levels and residual blocks, not {settings.ChannelMult.Count} and {settings.NumResBlocks}", nameof(settings));
        if (settings.NumHeadChannels is < 1 and not -1 || settings.NumHeads < 1)
            throw new ArgumentException($"an ADM network needs heads of one or more channels, or -1 and their number, not {settings.NumHeadChannels} and {settings.NumHeads}", nameof(settings));
        _modelChannels = settings.ModelChannels;
        EmbeddingChannels = 4L * settings.ModelChannels;
        SizeMultiple = 1 << (settings.ChannelMult.Count - 1);
        _time0 = Add("time_embed.0", new Linear(_modelChannels, EmbeddingChannels));
        _time2 = Add("time_embed.2", new Linear(EmbeddingChannels, EmbeddingChannels));

        var width = settings.Width(0);
        Append(new AdmStage().Then(new Conv2d(settings.InChannels, width, 3, padding: 1)), width);
        for (var level = 0; level < settings.ChannelMult.Count; level++)
        {
            for (var i = 0; i < settings.NumResBlocks; i++)
            {
                var stage = new AdmStage().Then(Block(settings, width, settings.Width(level)));
                width = settings.Width(level);
                if (settings.AttentionResolutions.Contains(1 << level)) stage.Then(Attend(settings, width, settings.NumHeads));
                Append(stage, width);
            }
            if (level + 1 == settings.ChannelMult.Count) break;
            Append(new AdmStage().Then(Resampler(settings, width, Resampling.Down)), width);
        }
        _middle = Add("middle_block", new AdmStage().Then(Block(settings, width, width)).Then(Attend(settings, width, settings.NumHeads)).Then(Block(settings, width, width)));
    }

    /// <summary>What height and width must be multiples of.</summary>
    public int SizeMultiple { get; }

    /// <summary>The width of the time embedding.</summary>
    protected long EmbeddingChannels { get; }

    /// <summary>The widths of the encoder's stages, first to last.</summary>
    protected List<long> StageWidths { get; } = [];

    /// <summary>The time embedding <c>[N, EmbeddingChannels]</c>, before its last activation.</summary>
    protected Tensor Embed(Tensor time)
    {
        using var scope = new Scope();
        var sinusoidal = SinusoidalEmbedding.CosineFirst(time, _modelChannels).To(DType);
        return scope.Keep(_time2.Forward(_time0.Forward(sinusoidal).Silu()));
    }

    /// <summary>Runs the encoder and the bottleneck.</summary>
    /// <param name="x">Images.</param>
    /// <param name="activatedEmbedding">SiLU of the embedding.</param>
    /// <param name="skips">Receives the output of every stage; the caller frees them. Null where nobody needs them.</param>
    protected Tensor Encode(Tensor x, Tensor activatedEmbedding, Stack<Tensor>? skips)
    {
        if (x.Rank != 4 || x.Size(2) % SizeMultiple != 0 || x.Size(3) % SizeMultiple != 0)
            throw new ArgumentException($"the network expects [N, C, H, W] with H and W multiples of {SizeMultiple}, found {x}", nameof(x));
        using var scope = new Scope();
        var h = x;
        foreach (var stage in _inputs)
        {
            h = stage.Forward(h, activatedEmbedding);
            if (skips is null) continue;
            scope.Keep(h);
            skips.Push(h);
        }
        return scope.Keep(_middle.Forward(h, activatedEmbedding));
    }

    /// <summary>A residual block of the trunk's kind.</summary>
    protected AdmResidualBlock Block(AdmTrunkSettings settings, long inputs, long outputs, Resampling resampling = Resampling.None) =>
        new(inputs, outputs, EmbeddingChannels, settings.UseScaleShiftNorm, resampling);

    /// <summary>A layer that halves or doubles the size.</summary>
    protected Module Resampler(AdmTrunkSettings settings, long width, Resampling resampling) => settings.ResblockUpdown
        ? Block(settings, width, width, resampling)
        : new AdmResampler(width, resampling == Resampling.Up, settings.ConvResample);

    /// <summary>An attention block of the trunk's kind.</summary>
    protected static AdmAttentionBlock Attend(AdmTrunkSettings settings, long width, int heads) => new(width, settings.Heads(width, heads), settings.UseNewAttentionOrder);

    private void Append(AdmStage stage, long width)
    {
        _inputs.Add(Add($"input_blocks.{_inputs.Count}", stage));
        StageWidths.Add(width);
    }
}
