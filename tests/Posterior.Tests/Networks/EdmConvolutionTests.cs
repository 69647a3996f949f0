using Posterior.Networks.Adm;
using Posterior.Networks.Edm;
using Posterior.Tests.Models;
using Posterior.Torch;

namespace Posterior.Tests.Networks;

public sealed class EdmConvolutionTests
{
    [Theory]
    [InlineData(Resampling.None, false)]
    [InlineData(Resampling.Down, false)]
    [InlineData(Resampling.Down, true)]
    [InlineData(Resampling.Up, true)]
    public void A_layer_without_bias_is_one_whose_bias_is_0(Resampling resampling, bool fused)
    {
        using var scope = new Scope();
        using var without = new EdmConvolution(2, 3, 3, resampling, [1, 3, 3, 1], fused, bias: false);
        using var with = new EdmConvolution(2, 3, 3, resampling, [1, 3, 3, 1], fused);
        var weights = CheckpointFixture.RandomWeights(without, 1).ToDictionary(entry => entry.Name, NetworkOracle.Tensor);
        without.LoadState(weights);
        weights["bias"] = Tensor.Zeros([3]);
        with.LoadState(weights);
        var x = new SeededNoise(1).Normal([1, 2, 8, 8]);
        Assert.Equal(with.Forward(x).ToArray<float>(), without.Forward(x).ToArray<float>());
    }
}
