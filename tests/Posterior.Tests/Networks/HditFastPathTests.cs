using Posterior.Diffusion;
using Posterior.Imaging;
using Posterior.Networks.Hdit;
using Posterior.Operators;
using Posterior.Torch;

namespace Posterior.Tests.Networks;

/// <summary>The fused kernels of HDiT against libtorch's operators, in the whole network with random weights.</summary>
[Collection(LiveHandles.Name)]
public sealed class HditFastPathTests
{
    // Grids of tokens with one tile and several, with tiles that reach beyond the end, and with more tokens than one tile of queries.
    [Theory]
    [InlineData(HditAttentionType.Global, 2, 16, 16)]
    [InlineData(HditAttentionType.Global, 1, 36, 20)]
    [InlineData(HditAttentionType.Neighborhood, 3, 8, 8)]
    [InlineData(HditAttentionType.Neighborhood, 1, 36, 44)]
    [InlineData(HditAttentionType.Neighborhood, 2, 4, 72)]
    [InlineData(HditAttentionType.ShiftedWindow, 2, 16, 24)]
    [InlineData(HditAttentionType.ShiftedWindow, 9, 8, 8)]
    public void A_network_gives_what_it_gives_through_the_operators(HditAttentionType attention, int count, int height, int width)
    {
        using var scope = new Scope();
        using var noGrad = new NoGrad();
        using var network = InvFussionTests.Network(new(), attention);
        var shape = new ImageShape(3, height, width);
        using var operators = OperatorBatch.Of([.. Enumerable.Range(0, count).Select(i => OperatorFamilies.Matrix.Draw(shape, (ulong)i))]);
        var (x, noise) = (new SeededNoise([.. Enumerable.Range(0, count).Select(i => (ulong)i)]).Normal(shape.Batch(count)), Tensor.Linspace(-0.5, 0.7, count));
        var measured = new MeasuredBatch(operators, operators.Apply(x * 0.5));
        Near(() => network.Forward(x, noise));
        Near(() => network.Forward(x, noise, measured));
    }

    private static void Near(Func<Tensor> evaluate)
    {
        var fused = evaluate();
        var enabled = FastPath.Current.Enabled;
        FastPath.Enable(false);
        try
        {
            var expected = evaluate();
            // Random weights amplify rounding: ATen's own result changes by some 1e-5 with the code that its BLAS chooses for the processor.
            Assert.InRange((fused - expected).Abs().Max().Item() / expected.Abs().Max().Item(), enabled ? double.Epsilon : 0, 1e-4);
        }
        finally
        {
            FastPath.Enable(enabled);
        }
    }
}
