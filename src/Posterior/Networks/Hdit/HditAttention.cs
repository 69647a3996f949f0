using Posterior.Torch;
using Posterior.Torch.Nn;

namespace Posterior.Networks.Hdit;

/// <summary>
/// Residual self-attention with cosine similarity and rotary positions. With a <see cref="FeatureDegradation"/> layer keys and values of its tokens join the
/// block's own; queries come from the main stream (InvFussion Sec. 3 and App. A.1, "joint attention").
/// </summary>
internal sealed class HditAttention : Module
{
    private readonly HditAttentionSettings _settings;
    private readonly int _heads, _shift;
    private readonly Parameter _scale;
    private readonly AdaptiveRmsNorm _norm;
    private readonly Linear _qkv, _out;
    private readonly RotaryFrequencies _positions;
    private readonly FeatureDegradation? _degradation;
    private readonly Linear? _degradedKv;
    private readonly Parameter? _keyShare;
    private Grid? _grid;

    /// <summary>A block with zero weights.</summary>
    /// <param name="width">Numbers of a token.</param>
    /// <param name="conditionWidth">Width of the mapping network.</param>
    /// <param name="settings">The attention.</param>
    /// <param name="index">The layer's number within its level, the way back included: odd ones shift their windows.</param>
    /// <param name="degradation">The feature degradation layer, or null for plain attention.</param>
    /// <param name="sharedKeys">Whether keys of the second stream add those of the main stream, each head with a learned factor (<see cref="HditSettings.SharedKeys"/>).</param>
    public HditAttention(int width, int conditionWidth, HditAttentionSettings settings, int index, FeatureDegradation? degradation, bool sharedKeys = false)
    {
        if (settings.DHead < 1 || width % settings.DHead != 0 || settings.DHead % 8 != 0) throw new ArgumentException($"a width of {width} is no multiple of heads of {settings.DHead}, or those are no multiple of 8");
        (_settings, _heads) = (settings, width / settings.DHead);
        _shift = settings.Type == HditAttentionType.ShiftedWindow && index % 2 == 1 ? settings.WindowSize / 2 : 0;
        _scale = AddParameter("scale", Tensor.Full([_heads], 10));
        _norm = Add("norm", new AdaptiveRmsNorm(width, conditionWidth));
        _qkv = Add("qkv_proj", new Linear(width, 3 * width, bias: false));
        _positions = Add("pos_emb", new RotaryFrequencies(settings.DHead, _heads));
        _out = Add("out_proj", new Linear(width, width, bias: false));
        if (degradation is null) return;
        _degradation = Add("degradation", degradation);
        _degradedKv = Add("degraded_kv_proj", new Linear(width, 2 * width, bias: false));
        if (sharedKeys) _keyShare = AddParameter("key_share", Tensor.Ones([_heads]));
    }

    /// <summary>Applies the block.</summary>
    /// <param name="x"><c>[N, height, width, features]</c>.</param>
    /// <param name="pass">What all blocks of a level share.</param>
    public Tensor Forward(Tensor x, HditPass pass)
    {
        using var scope = new Scope();
        var tokens = _norm.Forward(x, pass.Condition).To(pass.ActivationType ?? x.DType);
        var qkv = _qkv.Forward(tokens);
        var degraded = _degradation is null ? null : Degraded(tokens, pass);
        var (cosines, sines) = _positions.Forward(pass.Positions);
        var tiles = Tiles(x.Size(1), x.Size(2));
        var mixed = (tiles is null ? null : RotaryAttention.Forward(qkv, degraded, _keyShare, _heads, _scale, cosines, sines, tiles)) ?? ThroughAten(qkv, degraded, cosines, sines);
        return scope.Keep(_out.Forward(mixed, residual: x));
    }

    /// <summary>Random weights; the block starts as the identity.</summary>
    public void Initialise(NoiseSource noise)
    {
        _qkv.Initialise(noise);
        _positions.Initialise();
        _degradation?.Initialise(noise);
        _degradedKv?.Initialise(noise);
    }

    // Keys and values of the second stream, without what they share with the main stream. Of nothing measured comes nothing back.
    private Tensor Degraded(Tensor tokens, HditPass pass)
    {
        using var scope = new Scope();
        return scope.Keep(pass.Measured is null ? tokens.ZerosLike().Repeat(1, 1, 1, 2) : _degradedKv!.Forward(_degradation!.Forward(tokens, pass.Measured)));
    }

    private Tensor ThroughAten(Tensor qkv, Tensor? degraded, Tensor cosines, Tensor sines)
    {
        using var scope = new Scope();
        var (main, second) = (Heads(qkv), degraded is null ? null : Heads(degraded));
        var q = Place(main.Select(3, 0));
        List<(Tensor K, Tensor V)> streams = [(Place(main.Select(3, 1)), main.Select(3, 2))];
        if (second is not null) streams.Add((Place(_keyShare is { } share ? second.Select(3, 0) + main.Select(3, 1) * share.Value.To(qkv.DType).Unsqueeze(1) : second.Select(3, 0)), second.Select(3, 1)));
        var mixed = _settings.Type switch
        {
            HditAttentionType.Neighborhood => NeighbourhoodAttention.Forward(q, [.. streams], _settings.KernelSize),
            HditAttentionType.ShiftedWindow => ShiftedWindowAttention.Forward(q, [.. streams], _settings.WindowSize, _shift),
            _ => GlobalAttention.Forward(q, [.. streams]),
        };
        return scope.Keep(mixed.Flatten(3));

        // [N, height, width, parts, heads, d].
        Tensor Heads(Tensor x) => x.Reshape(x.Size(0), x.Size(1), x.Size(2), -1, _heads, _settings.DHead);
        Tensor Place(Tensor heads) => AxialRope.Rotate(CosineSimilarity.Scale(heads, _scale), cosines, sines);
    }

    // Which tokens see which on a grid; they are kept, as most evaluations have the grid of the one before.
    private TokenTiles? Tiles(long height, long width)
    {
        var known = Volatile.Read(ref _grid);
        if (known?.Height == height && known.Width == width) return known.Tiles;
        known = new Grid(height, width, _settings.Type switch
        {
            HditAttentionType.Neighborhood => NeighbourhoodAttention.Tiles(height, width, _settings.KernelSize),
            HditAttentionType.ShiftedWindow => ShiftedWindowAttention.Tiles(height, width, _settings.WindowSize, _shift),
            _ => GlobalAttention.Tiles(height, width),
        });
        Volatile.Write(ref _grid, known);
        return known.Tiles;
    }

    private sealed record Grid(long Height, long Width, TokenTiles? Tiles);

    /// <summary>The frequencies of the rotary embedding, a buffer of the key <c>freqs</c>.</summary>
    private sealed class RotaryFrequencies : Module
    {
        private readonly (int Width, int Heads) _shape;
        private readonly Parameter _frequencies;

        public RotaryFrequencies(int headWidth, int heads)
        {
            _shape = (headWidth, heads);
            _frequencies = AddBuffer("freqs", Tensor.Zeros([heads, headWidth / 8]), exact: true);
        }

        public void Initialise()
        {
            using var scope = new Scope();
            _frequencies.Value.CopyFrom(AxialRope.Frequencies(_shape.Width, _shape.Heads));
        }

        public (Tensor Cosines, Tensor Sines) Forward(Tensor positions)
        {
            var angles = AxialRope.Angles(positions, _frequencies);
            return (angles.Cos(), angles.Sin());
        }
    }
}

/// <summary>Queries and keys of a learned length, so that their product is a scaled cosine.</summary>
public static class CosineSimilarity
{
    private const double Epsilon = 1e-6;

    /// <summary><c>x sqrt(scale) / sqrt(|x|^2 + eps)</c> for each head.</summary>
    /// <param name="x"><c>[..., heads, d]</c>.</param>
    /// <param name="scale"><c>[heads]</c>.</param>
    public static Tensor Scale(Tensor x, Tensor scale)
    {
        using var scope = new Scope();
        var length = x.Square().Sum([-1], keepDimensions: true);
        return scope.Keep(x * ((length + Epsilon).Rsqrt() * scale.Sqrt().To(x.DType).Unsqueeze(1)));
    }
}
