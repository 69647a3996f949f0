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

    /// <summary>A block with zero weights.</summary>
    /// <param name="width">Numbers of a token.</param>
    /// <param name="conditionWidth">Width of the mapping network.</param>
    /// <param name="settings">The attention.</param>
    /// <param name="index">The layer's number within its level, the way back included: odd ones shift their windows.</param>
    /// <param name="degradation">The feature degradation layer, or null for plain attention.</param>
    public HditAttention(int width, int conditionWidth, HditAttentionSettings settings, int index, FeatureDegradation? degradation)
    {
        if (width % settings.DHead != 0 || settings.DHead % 8 != 0) throw new ArgumentException($"a width of {width} is no multiple of heads of {settings.DHead}, or those are no multiple of 8");
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
    }

    /// <summary>Applies the block.</summary>
    /// <param name="x"><c>[N, height, width, features]</c>.</param>
    /// <param name="pass">What all blocks of a level share.</param>
    public Tensor Forward(Tensor x, HditPass pass)
    {
        using var scope = new Scope();
        var (n, height, width) = (x.Size(0), x.Size(1), x.Size(2));
        var tokens = _norm.Forward(x, pass.Condition).To(pass.ActivationType ?? x.DType);
        var qkv = _qkv.Forward(tokens).Reshape(n, height, width, 3, _heads, _settings.DHead);
        var (cosines, sines) = _positions.Forward(pass.Positions, tokens.DType);
        var q = Place(qkv.Select(3, 0));
        List<(Tensor K, Tensor V)> streams = [(Place(qkv.Select(3, 1)), qkv.Select(3, 2))];
        if (_degradation is not null)
        {
            if (pass.Measured is null)
            {
                // What the zero operator gives: keys and values of zeros.
                var none = streams[0].V.ZerosLike();
                streams.Add((none, none));
            }
            else
            {
                var kv = _degradedKv!.Forward(_degradation.Forward(tokens, pass.Measured)).Reshape(n, height, width, 2, _heads, _settings.DHead);
                streams.Add((Place(kv.Select(3, 0)), kv.Select(3, 1)));
            }
        }
        var mixed = _settings.Type switch
        {
            HditAttentionType.Neighborhood => NeighbourhoodAttention.Forward(q, [.. streams], _settings.KernelSize),
            HditAttentionType.ShiftedWindow => ShiftedWindowAttention.Forward(q, [.. streams], _settings.WindowSize, _shift),
            _ => GlobalAttention.Forward(q, [.. streams]),
        };
        return scope.Keep(x + _out.Forward(mixed.Reshape(n, height, width, -1)).To(x.DType));

        Tensor Place(Tensor heads) => AxialRope.Rotate(CosineSimilarity.Scale(heads, _scale), cosines, sines);
    }

    /// <summary>Random weights; the block starts as the identity.</summary>
    public void Initialise(NoiseSource noise)
    {
        _qkv.Initialise(noise);
        _positions.Initialise();
        _degradation?.Initialise(noise);
        _degradedKv?.Initialise(noise);
    }

    /// <summary>The frequencies of the rotary embedding, a buffer of the key <c>freqs</c>.</summary>
    private sealed class RotaryFrequencies : Module
    {
        private readonly (int Width, int Heads) _shape;
        private readonly Parameter _frequencies;

        public RotaryFrequencies(int headWidth, int heads)
        {
            _shape = (headWidth, heads);
            _frequencies = AddBuffer("freqs", Tensor.Zeros([heads, headWidth / 8]));
        }

        public void Initialise()
        {
            using var scope = new Scope();
            _frequencies.Value.CopyFrom(AxialRope.Frequencies(_shape.Width, _shape.Heads));
        }

        public (Tensor Cosines, Tensor Sines) Forward(Tensor positions, DType dtype)
        {
            var angles = AxialRope.Angles(positions, _frequencies);
            return (angles.Cos().To(dtype), angles.Sin().To(dtype));
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
