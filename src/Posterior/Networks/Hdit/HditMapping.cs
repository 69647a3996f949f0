using Posterior.Torch;
using Posterior.Torch.Nn;

namespace Posterior.Networks.Hdit;

/// <summary>Random Fourier features <c>[cos | sin](2 pi W input)</c> with the buffer <c>weight</c>.</summary>
internal sealed class FourierFeatures : Module
{
    private readonly Parameter _weight;

    /// <summary>Zero frequencies, to be loaded or initialised.</summary>
    public FourierFeatures(int inputs, int outputs) => _weight = AddBuffer("weight", Tensor.Zeros([outputs / 2, inputs]), exact: true);

    /// <summary>Standard normal frequencies.</summary>
    public void Initialise(NoiseSource noise) => Initialisation.Normal(_weight, null, Math.Sqrt(_weight.Value.Size(1)), noise);

    /// <summary>The features.</summary>
    /// <param name="input"><c>[N, inputs]</c>, Float32 or Float64: angles of many periods have no digits to spare.</param>
    /// <param name="dtype">The type of the result.</param>
    public Tensor Forward(Tensor input, DType dtype)
    {
        using var scope = new Scope();
        var angles = (input * (2 * Math.PI)).MatMul(_weight.Value.To(input.DType).Transpose(0, 1));
        return scope.Keep(Tensor.Cat([angles.Cos(), angles.Sin()], -1).To(dtype));
    }
}

/// <summary>A gated feed-forward part: <c>a gelu(b)</c> (Shazeer 2020, arXiv:2002.05202) between two linear maps without bias.</summary>
internal static class Geglu
{
    /// <summary><c>residual + down(a gelu(b))</c> with <c>[a | b] = up(x)</c>.</summary>
    public static Tensor Forward(Linear up, Linear down, Tensor x, Tensor residual)
    {
        using var scope = new Scope();
        return scope.Keep(down.Forward(GatedGelu.Forward(up.Forward(x)), residual));
    }
}

/// <summary>The mapping network: residual gated feed-forward blocks between two norms.</summary>
internal sealed class HditMapping : Module
{
    private readonly RmsNorm _inNorm, _outNorm;
    private readonly MappingBlock[] _blocks;

    /// <summary>A network with zero weights.</summary>
    public HditMapping(int depth, int width, int inner)
    {
        _inNorm = Add("in_norm", new RmsNorm(width));
        _blocks = [.. Enumerable.Range(0, depth).Select(i => Add($"blocks.{i}", new MappingBlock(width, inner)))];
        _outNorm = Add("out_norm", new RmsNorm(width));
    }

    /// <summary>The condition <c>[N, width]</c> of the sum of the embeddings.</summary>
    public Tensor Forward(Tensor x)
    {
        using var scope = new Scope();
        x = _inNorm.Forward(x);
        foreach (var block in _blocks) x = block.Forward(x);
        return scope.Keep(_outNorm.Forward(x));
    }

    /// <summary>Random weights; each block starts as the identity.</summary>
    public void Initialise(NoiseSource noise)
    {
        foreach (var block in _blocks) block.Initialise(noise);
    }

    private sealed class MappingBlock : Module
    {
        private readonly RmsNorm _norm;
        private readonly Linear _up, _down;

        public MappingBlock(int width, int inner)
        {
            _norm = Add("norm", new RmsNorm(width));
            _up = Add("up_proj", new Linear(width, 2 * inner, bias: false));
            _down = Add("down_proj", new Linear(inner, width, bias: false));
        }

        public Tensor Forward(Tensor x)
        {
            using var scope = new Scope();
            return scope.Keep(Geglu.Forward(_up, _down, _norm.Forward(x), x));
        }

        public void Initialise(NoiseSource noise) => _up.Initialise(noise);
    }
}
