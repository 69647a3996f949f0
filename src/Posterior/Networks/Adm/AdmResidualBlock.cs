using Posterior.Torch;
using Posterior.Torch.Nn;

namespace Posterior.Networks.Adm;

/// <summary>What a block does to the height and width of its input.</summary>
public enum Resampling
{
    /// <summary>Nothing.</summary>
    None,

    /// <summary>Means of 2 x 2 pixels.</summary>
    Down,

    /// <summary>Each pixel becomes 2 x 2 equal ones.</summary>
    Up,
}

/// <summary>guided-diffusion's ResBlock: two normalised convolutions with the time in between, beside a skip connection.</summary>
public sealed class AdmResidualBlock : Module
{
    private readonly GroupNorm _inNorm, _outNorm;
    private readonly Conv2d _inConvolution, _outConvolution;
    private readonly Conv2d? _skip;
    private readonly Linear _embedding;
    private readonly bool _scaleShift;
    private readonly Resampling _resampling;

    /// <summary>A block with zero weights, to be loaded.</summary>
    public AdmResidualBlock(long inputs, long outputs, long embeddingChannels, bool scaleShift, Resampling resampling = Resampling.None)
    {
        (_scaleShift, _resampling) = (scaleShift, resampling);
        _inNorm = Add("in_layers.0", new GroupNorm(32, inputs));
        _inConvolution = Add("in_layers.2", new Conv2d(inputs, outputs, 3, padding: 1));
        _embedding = Add("emb_layers.1", new Linear(embeddingChannels, scaleShift ? 2 * outputs : outputs));
        _outNorm = Add("out_layers.0", new GroupNorm(32, outputs));
        _outConvolution = Add("out_layers.3", new Conv2d(outputs, outputs, 3, padding: 1));
        if (inputs != outputs) _skip = Add("skip_connection", new Conv2d(inputs, outputs, 1));
    }

    /// <summary>Applies the block to features <c>[N, C, H, W]</c>.</summary>
    /// <param name="x">The features.</param>
    /// <param name="activatedEmbedding">SiLU of the time embedding, <c>[N, embeddingChannels]</c>: the same for every block.</param>
    /// <param name="beside">Features of the same size whose channels follow those of <paramref name="x"/>, or null for none.</param>
    public Tensor Forward(Tensor x, Tensor activatedEmbedding, Tensor? beside = null)
    {
        using var scope = new Scope();
        // Nothing is concatenated where both readers of the input can do without.
        var shortcut = beside is not null && _resampling == Resampling.None ? _skip?.ForwardBeside(x, beside) : null;
        var normalised = shortcut is null ? null : _inNorm.ForwardBeside(x, beside!, silu: true);
        if (beside is not null && normalised is null) (x, shortcut) = (Tensor.Cat([x, beside], 1), null);
        // Resampling sits between the activation and the convolution, and on the skip.
        var h = normalised ?? Resample(_inNorm.Forward(x, silu: true));
        var time = _embedding.Forward(activatedEmbedding).Unsqueeze(2).Unsqueeze(3);
        if (_scaleShift)
        {
            var (scale, shift) = time.Chunk(2, 1) is [var first, var second] ? (first, second) : throw new InvalidOperationException();
            h = _outNorm.Forward(_inConvolution.Forward(h), silu: true, scale, shift, overwrites: true);
        }
        else
        {
            h = _outNorm.Forward(_inConvolution.ForwardModulated(h, scale: null, shift: time), silu: true, overwrites: true);
        }
        var skip = shortcut ?? Resample(x);
        if (_skip is not null && shortcut is null) skip = _skip.Forward(skip);
        return scope.Keep(_outConvolution.Forward(h, residual: skip, overwrites: !ReferenceEquals(skip, x)));
    }

    private Tensor Resample(Tensor x) => _resampling switch
    {
        Resampling.Down => x.AveragePool(2, 2),
        Resampling.Up => x.UpsampleNearest(2 * x.Size(2), 2 * x.Size(3)),
        _ => x,
    };
}
