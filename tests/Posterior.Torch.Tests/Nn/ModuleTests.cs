using Posterior.Torch.Nn;

namespace Posterior.Torch.Tests.Nn;

public sealed class ModuleTests
{
    private sealed class Pair : Module
    {
        public Pair()
        {
            First = Add("first", new Linear(2, 3));
            Blocks = Add("blocks.0", new Conv2d(1, 2, 1, bias: false));
            Table = AddBuffer("table", Tensor.Ones([4]));
        }

        public Linear First { get; }

        public Conv2d Blocks { get; }

        public Tensor Table { get; }
    }

    [Fact]
    public void Names_join_with_dots_and_buffers_are_no_parameters()
    {
        using var pair = new Pair();
        Assert.Equal(["first.weight", "first.bias", "blocks.0.weight"], pair.NamedParameters.Select(named => named.Name));
        Assert.Equal(["table", "first.weight", "first.bias", "blocks.0.weight"], pair.NamedTensors.Select(named => named.Name));
        Assert.Equal(6 + 3 + 2, pair.ParameterCount);
    }

    [Fact]
    public void What_a_part_of_a_state_lacks_keeps_its_values_and_anything_else_that_differs_is_refused()
    {
        using var scope = new Scope();
        using var pair = new Pair();
        var state = State(pair, "");
        state["first.weight"] = Tensor.Full([3, 2], 7);
        Assert.True(state.Remove("table"));
        pair.Table.AddInPlace(4);
        Assert.Equal(["table"], pair.LoadPart(state));
        Assert.Equal(7, pair.First.Weight.Mean().Item());
        Assert.Equal(5, pair.Table.Mean().Item());
        state["first.weight"] = Tensor.Zeros([2, 2]);
        Assert.Equal(["first.weight (expected [3, 2], found [2, 2])"], Assert.Throws<StateDictException>(() => pair.LoadPart(state)).Misshapen);
        state.Remove("first.weight");
        state["other"] = Tensor.Zeros([1]);
        Assert.Equal(["other"], Assert.Throws<StateDictException>(() => pair.LoadPart(state)).Unexpected);
        Assert.Equal(7, pair.First.Weight.Mean().Item());
        Assert.Equal(4, Assert.Throws<StateDictException>(() => pair.LoadPart(new Dictionary<string, Tensor>())).Missing.Count);
    }

    [Fact]
    public void A_state_is_copied_and_converted()
    {
        using var scope = new Scope();
        using var pair = new Pair();
        var state = State(pair, "model.");
        state["model.first.weight"] = Tensor.Full([3, 2], 7, DType.Float64);
        pair.LoadState(state, "model.");
        Assert.Equal(DType.Float32, pair.First.Weight.DType);
        Assert.Equal(Enumerable.Repeat(7f, 6), pair.First.Weight.ToArray<float>());
        state["model.first.weight"].Fill(0);
        Assert.Equal(7, pair.First.Weight.Mean().Item());
    }

    [Fact]
    public void Missing_unexpected_and_misshapen_names_are_listed_and_nothing_is_loaded()
    {
        using var scope = new Scope();
        using var pair = new Pair();
        var state = State(pair, "");
        state.Remove("first.bias");
        state["extra"] = Tensor.Ones([1]);
        state["first.weight"] = Tensor.Ones([2, 3]);
        state["table"].Fill(9);
        var error = Assert.Throws<StateDictException>(() => pair.LoadState(state));
        Assert.Equal(["first.bias"], error.Missing);
        Assert.Equal(["extra"], error.Unexpected);
        Assert.Contains("[3, 2]", error.Misshapen.Single(), StringComparison.Ordinal);
        Assert.Equal(1, pair.NamedTensors.First().Tensor.Mean().Item());
    }

    [Fact]
    public void Conversion_reaches_every_tensor_and_disposal_frees_every_one()
    {
        var before = LiveHandles.Count();
        var pair = new Pair();
        pair.To(DType.BFloat16);
        Assert.All(pair.NamedTensors, named => Assert.Equal(DType.BFloat16, named.Tensor.DType));
        pair.RequireGrad(true);
        Assert.All(pair.Parameters, parameter => Assert.True(parameter.RequiresGrad));
        pair.Dispose();
        Assert.Equal(before, Tensor.LiveCount);
    }

    [Fact]
    public void The_meter_counts_two_operations_for_a_product_and_a_sum()
    {
        using var noGrad = new NoGrad();
        using var scope = new Scope();
        using var convolution = new Conv2d(6, 8, 3, stride: 2, padding: 1, groups: 2);
        using var linear = new Linear(5, 7);
        using var meter = new WorkMeter();
        convolution.Forward(Tensor.Ones([2, 6, 10, 10]));
        Assert.Equal(2.0 * (3 * 9) * (2 * 8 * 5 * 5), meter.Operations);
        using (var inner = new WorkMeter())
        {
            linear.Forward(Tensor.Ones([3, 5]));
            Assert.Equal(2.0 * 5 * 7 * 3, inner.Operations);
        }
        Assert.Equal(2.0 * (3 * 9) * (2 * 8 * 5 * 5) + 2.0 * 5 * 7 * 3, meter.Operations);
    }

    [Fact]
    public void The_profile_groups_layers_by_kind_and_shape_and_knows_their_work()
    {
        using var noGrad = new NoGrad();
        using var scope = new Scope();
        using var convolution = new Conv2d(6, 8, 3, padding: 1);
        using var norm = new GroupNorm(2, 8);
        convolution.Forward(Tensor.Ones([1, 6, 9, 9]));
        using var profile = new LayerProfile();
        for (var i = 0; i < 3; i++) norm.Forward(convolution.Forward(Tensor.Ones([1, 6, 9, 9])));
        convolution.Forward(Tensor.Ones([1, 6, 5, 9]));
        Assert.Equal(
            [("convolution 3x3 of 6 channels", "1x8x5x9", 1, 2.0 * 54 * 8 * 45), ("convolution 3x3 of 6 channels", "1x8x9x9", 3, 3 * 2.0 * 54 * 8 * 81), ("group normalisation", "1x8x9x9", 3, 0)],
            profile.Layers.Select(layer => (layer.Kind, layer.Shape, layer.Count, layer.Operations)).Order());
        Assert.All(profile.Layers, layer => Assert.InRange(layer.Seconds, 1e-9, 10));
    }

    private static Dictionary<string, Tensor> State(Module module, string prefix) => module.NamedTensors.ToDictionary(named => prefix + named.Name, named => named.Tensor.Clone());
}
