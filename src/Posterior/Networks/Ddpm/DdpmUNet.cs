using Posterior.Diffusion;
using Posterior.Torch;
using Posterior.Torch.Nn;

namespace Posterior.Networks.Ddpm;

/// <summary>
/// The network of DDPM (Ho, Jain and Abbeel 2020) with the key names of its PyTorch checkpoints for CelebA-HQ and LSUN (models/diffusion.py of
/// SDEdit, DDIM and DDRM). It predicts the noise of a variance-preserving state whose clean part is in [-1, 1].
/// </summary>
public sealed class DdpmUNet : Module, INoiseConditioned
{
    private const int MostLevels = 16;

    private readonly Linear _time0, _time1;
    private readonly Conv2d _convolutionIn, _convolutionOut;
    private readonly Level[] _down, _up;
    private readonly DdpmResidualBlock _middle1, _middle2;
    private readonly DdpmAttentionBlock _middleAttention;
    private readonly GroupNorm _normOut;

    /// <summary>A network with zero weights, to be loaded.</summary>
    /// <exception cref="ArgumentException">The settings contradict each other.</exception>
    public DdpmUNet(DdpmUNetSettings settings)
    {
        ArgumentNullException.ThrowIfNull(settings);
        if (settings.ChMult.Count is 0 or > MostLevels || settings.NumResBlocks < 1)
            throw new ArgumentException($"a DDPM network needs 1 to {MostLevels} levels and residual blocks, not {settings.ChMult.Count} and {settings.NumResBlocks}", nameof(settings));
        Settings = settings;
        var levels = settings.ChMult.Count;
        var embedding = 4L * settings.Ch;
        _time0 = Add("temb.dense.0", new Linear(settings.Ch, embedding));
        _time1 = Add("temb.dense.1", new Linear(embedding, embedding));
        _convolutionIn = Add("conv_in", new Conv2d(settings.InChannels, settings.Ch, 3, padding: 1));

        (_down, _up) = (new Level[levels], new Level[levels]);
        long width = settings.Ch;
        var skips = new Stack<long>([width]);
        for (var i = 0; i < levels; i++)
        {
            _down[i] = Add($"down.{i}", new Level(HasAttention(i)));
            for (var block = 0; block < settings.NumResBlocks; block++)
            {
                _down[i].Append(width, Width(i), embedding);
                skips.Push(width = Width(i));
            }
            if (i + 1 == levels) break;
            _down[i].Resample("downsample", new DdpmResampler(width, up: false, settings.ResampWithConv));
            skips.Push(width);
        }

        _middle1 = Add("mid.block_1", new DdpmResidualBlock(width, width, embedding));
        _middleAttention = Add("mid.attn_1", new DdpmAttentionBlock(width));
        _middle2 = Add("mid.block_2", new DdpmResidualBlock(width, width, embedding));

        for (var i = levels - 1; i >= 0; i--)
        {
            _up[i] = Add($"up.{i}", new Level(HasAttention(i)));
            for (var block = 0; block <= settings.NumResBlocks; block++)
            {
                _up[i].Append(width + skips.Pop(), Width(i), embedding);
                width = Width(i);
            }
            if (i > 0) _up[i].Resample("upsample", new DdpmResampler(width, up: true, settings.ResampWithConv));
        }
        _normOut = Add("norm_out", new GroupNorm(32, width, DdpmResidualBlock.Epsilon));
        _convolutionOut = Add("conv_out", new Conv2d(width, settings.OutCh, 3, padding: 1));
    }

    /// <summary>The settings that the network was built with.</summary>
    public DdpmUNetSettings Settings { get; }

    /// <inheritdoc/>
    public int ImageChannels => Settings.InChannels;

    /// <inheritdoc/>
    public int Classes => 0;

    /// <inheritdoc/>
    public int SizeMultiple => 1 << (Settings.ChMult.Count - 1);

    /// <inheritdoc/>
    public double FinestChannels => Settings.Ch;

    /// <inheritdoc/>
    public bool PairsPlaces => true;

    /// <summary>Evaluates the network.</summary>
    /// <param name="x">Noisy images of the variance-preserving process, <c>[N, InChannels, H, W]</c>.</param>
    /// <param name="time">Their timesteps, <c>[N]</c>.</param>
    /// <param name="labels">Always null.</param>
    /// <returns><c>[N, OutCh, H, W]</c>, of the type of <paramref name="x"/>.</returns>
    /// <exception cref="ArgumentException">A size does not fit, or labels were given.</exception>
    public Tensor Forward(Tensor x, Tensor time, Tensor? labels = null)
    {
        if (labels is not null) throw new ArgumentException("the network is unconditional: expected no labels", nameof(labels));
        if (x.Rank != 4 || x.Size(2) % SizeMultiple != 0 || x.Size(3) % SizeMultiple != 0)
            throw new ArgumentException($"the network expects [N, C, H, W] with H and W multiples of {SizeMultiple}, found {x}", nameof(x));
        using var scope = new Scope();
        var embedding = _time1.Forward(_time0.Forward(SinusoidalEmbedding.SineFirst(time, Settings.Ch).To(DType)).Silu()).Silu();

        var skips = new Stack<Tensor>();
        var h = _convolutionIn.Forward(x.To(DType));
        skips.Push(h);
        foreach (var level in _down)
        {
            for (var block = 0; block < level.BlockCount; block++) skips.Push(h = level.Forward(block, h, embedding));
            if (level.Resampler is { } downsample) skips.Push(h = downsample.Forward(h));
        }

        h = _middle2.Forward(_middleAttention.Forward(_middle1.Forward(h, embedding)), embedding);

        foreach (var level in _up.Reverse())
        {
            for (var block = 0; block < level.BlockCount; block++)
            {
                using var step = new Scope();
                var skip = skips.Pop();
                step.Replace(ref h, level.Forward(block, Tensor.Cat([h, skip], 1), embedding));
                skip.Dispose();
            }
            if (level.Resampler is { } upsample) h = upsample.Forward(h);
        }
        return scope.Keep(_convolutionOut.Forward(_normOut.Forward(h, silu: true)).To(x.DType));
    }

    private long Width(int level) => (long)Settings.Ch * Settings.ChMult[level];

    private bool HasAttention(int level) => Settings.AttnResolutions.Contains(Settings.ImageSize >> level);

    /// <summary>The blocks of one resolution: <c>block.i</c>, perhaps <c>attn.i</c>, perhaps a resampling layer.</summary>
    private sealed class Level(bool attention) : Module
    {
        private readonly List<(DdpmResidualBlock Residual, DdpmAttentionBlock? Attention)> _blocks = [];

        public int BlockCount => _blocks.Count;

        public DdpmResampler? Resampler { get; private set; }

        public void Append(long inputs, long outputs, long embedding)
        {
            var residual = Add($"block.{_blocks.Count}", new DdpmResidualBlock(inputs, outputs, embedding));
            _blocks.Add((residual, attention ? Add($"attn.{_blocks.Count}", new DdpmAttentionBlock(outputs)) : null));
        }

        public void Resample(string name, DdpmResampler resampler) => Resampler = Add(name, resampler);

        public Tensor Forward(int block, Tensor x, Tensor embedding)
        {
            using var scope = new Scope();
            var h = _blocks[block].Residual.Forward(x, embedding);
            return scope.Keep(_blocks[block].Attention?.Forward(h) ?? h);
        }
    }
}
