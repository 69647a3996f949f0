using Posterior.Networks;
using Posterior.Torch;
using Posterior.Torch.Nn;

namespace Posterior.Tests.Networks;

public sealed class PhotoUNetTests
{
    private static readonly PhotoUNetSettings _shallow = new() { Widths = [8, 12], Blocks = [1, 2], EmbeddingWidth = 16 };

    [Fact]
    public void A_deeper_network_starts_as_the_one_that_it_comes_from()
    {
        using var scope = new Scope();
        using var shallow = Random(_shallow, 1);
        using var deep = Random(_shallow with { Blocks = [3, 4] }, 2);
        var anew = deep.LoadPart(Weights(shallow));
        // Two blocks on each side of the finest level and two at the coarsest, of five tensors each.
        Assert.Equal(30, anew.Count);
        Assert.Contains("up.0.1.second.weight", anew);
        using var noGrad = new NoGrad();
        var (x, label) = (new SeededNoise(3).Normal([1, 3, 16, 12]), Tensor.From([0.3f], 1));
        Assert.True(deep.Forward(x, label).Equal(shallow.Forward(x, label)).All());
    }

    [Fact]
    public void Its_new_blocks_learn()
    {
        using var scope = new Scope();
        using var shallow = Random(_shallow, 1);
        using var deep = Random(_shallow with { Blocks = [2, 2] }, 2);
        deep.LoadPart(Weights(shallow));
        deep.RequireGrad(true);
        deep.Forward(new SeededNoise(3).Normal([1, 3, 16, 16]), Tensor.From([0.3f], 1)).Square().Sum().Backward();
        var second = deep.NamedParameters.Single(pair => pair.Name == "down.0.1.second.weight").Tensor;
        Assert.True(second.Grad()!.Abs().Max().Item() > 0);
    }

    [Fact]
    public void Weights_of_another_width_are_refused()
    {
        using var shallow = Random(_shallow, 1);
        using var wide = Random(_shallow with { Widths = [16, 12] }, 2);
        Assert.Contains("stem.weight (expected [16, 12, 3, 3], found [8, 12, 3, 3])", Assert.Throws<StateDictException>(() => wide.LoadPart(Weights(shallow))).Misshapen);
    }

    [Fact]
    public void The_memory_of_an_evaluation_does_not_grow_with_the_number_of_blocks()
    {
        var (few, many) = (Peak([1, 1]), Peak([6, 6]));
        Assert.InRange(many / (double)few, 0.9, 1.1);

        static long Peak(int[] blocks)
        {
            using var noGrad = new NoGrad();
            using var scope = new Scope();
            using var network = Random(new() { Widths = [32, 32], Blocks = blocks, EmbeddingWidth = 16 }, 1);
            var (x, label) = (new SeededNoise(2).Normal([1, 3, 256, 256]), Tensor.From([0.3f], 1));
            network.Forward(x, label).Dispose();
            TorchRuntime.ReleaseMemory();
            var before = TorchRuntime.Memory.Used;
            network.Forward(x, label).Dispose();
            return TorchRuntime.Memory.Peak - before;
        }
    }

    private static Dictionary<string, Tensor> Weights(Module network) => network.NamedTensors.ToDictionary(pair => pair.Name, pair => pair.Tensor, StringComparer.Ordinal);

    /// <summary>A network of random weights, the head too: that of a new network is zero, and so would be all that it gives.</summary>
    internal static PhotoUNet Random(PhotoUNetSettings settings, ulong seed)
    {
        using var noGrad = new NoGrad();
        var network = new PhotoUNet(settings);
        network.Initialise(new SeededNoise(seed));
        var head = network.NamedTensors.Single(pair => pair.Name == "head.weight").Tensor;
        head.CopyFrom(new SeededNoise(seed + 100).Normal([1, .. head.Shape]).Squeeze(0) * 0.1);
        return network;
    }
}
