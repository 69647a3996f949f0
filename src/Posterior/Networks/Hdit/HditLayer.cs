using Posterior.Diffusion;
using Posterior.Torch;
using Posterior.Torch.Nn;

namespace Posterior.Networks.Hdit;

/// <summary>A layer of a level: attention, then a gated feed-forward part.</summary>
internal sealed class HditLayer : Module
{
    private readonly HditAttention? _attention;
    private readonly FeedForward _feedForward;

    /// <summary>A layer with zero weights.</summary>
    /// <param name="settings">The network's sizes.</param>
    /// <param name="level">The level, 0 the finest.</param>
    /// <param name="index">The layer's number within its level.</param>
    /// <param name="patch">The pixels of a token.</param>
    public HditLayer(HditSettings settings, int level, int index, HditPatch patch)
    {
        var (width, attention) = (settings.Widths[level], settings.SelfAttns[level]);
        if (attention.Type != HditAttentionType.None)
        {
            var sees = settings.Condition == MeasurementCondition.Operator && width % patch.Numbers == 0;
            _attention = Add("self_attn", new HditAttention(width, settings.MappingWidth, attention, index, sees ? new FeatureDegradation(width, patch, settings.Activation, settings.Rescaled) : null, settings.SharedKeys));
        }
        _feedForward = Add("ff", new FeedForward(width, settings.DFfs[level], settings.MappingWidth));
    }

    /// <summary>Applies the layer to <c>[N, height, width, features]</c>.</summary>
    public Tensor Forward(Tensor x, HditPass pass)
    {
        using var scope = new Scope();
        return scope.Keep(_feedForward.Forward(_attention?.Forward(x, pass) ?? x, pass));
    }

    /// <summary>Random weights; the layer starts as the identity.</summary>
    public void Initialise(NoiseSource noise)
    {
        _attention?.Initialise(noise);
        _feedForward.Initialise(noise);
    }

    private sealed class FeedForward : Module
    {
        private readonly AdaptiveRmsNorm _norm;
        private readonly Linear _up, _down;

        public FeedForward(int width, int inner, int conditionWidth)
        {
            _norm = Add("norm", new AdaptiveRmsNorm(width, conditionWidth));
            _up = Add("up_proj", new Linear(width, 2 * inner, bias: false));
            _down = Add("down_proj", new Linear(inner, width, bias: false));
        }

        public Tensor Forward(Tensor x, HditPass pass)
        {
            using var scope = new Scope();
            return scope.Keep(Geglu.Forward(_up, _down, _norm.Forward(x, pass.Condition).To(pass.ActivationType ?? x.DType), x));
        }

        public void Initialise(NoiseSource noise) => _up.Initialise(noise);
    }
}

/// <summary>What all layers of a level share in one evaluation.</summary>
/// <param name="Positions">Positions of the tokens, <c>[height, width, 2]</c>.</param>
/// <param name="Condition">The condition of the norms, <c>[N, mapping width]</c>.</param>
/// <param name="Measured">The measurement, or null for none.</param>
/// <param name="ActivationType">The number format of matrix products; null for that of the weights.</param>
internal sealed record HditPass(Tensor Positions, Tensor Condition, MeasuredBatch? Measured, DType? ActivationType);
