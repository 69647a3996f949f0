using System.Text.Json.Nodes;
using Posterior.Diffusion;
using Posterior.Models;
using Posterior.Networks.Hdit;
using Posterior.Operators;
using Posterior.Oracles;
using Posterior.Tests.Networks;
using Posterior.Torch;

namespace Posterior.Tests.Models;

/// <summary>HDiT, Palette's and InvFussion's networks, told from names and shapes.</summary>
public sealed class HditInferenceTests(CheckpointFixture files) : IClassFixture<CheckpointFixture>
{
    [Theory]
    [InlineData(MeasurementCondition.None, MeasurementActivation.Gated, false, 1, 0, null)]
    [InlineData(MeasurementCondition.Image, MeasurementActivation.Gated, false, 1, 11, "conditional")]
    [InlineData(MeasurementCondition.Operator, MeasurementActivation.Gated, true, 1, 0, "conditional")]
    [InlineData(MeasurementCondition.Operator, MeasurementActivation.Silu, false, 5, 0, "components")]
    public void Shapes_of_an_HDiT_network_give_its_settings_back(MeasurementCondition condition, MeasurementActivation activation, bool ours, int images, int classes, string? role)
    {
        HditAttentionSettings near = new() { Type = HditAttentionType.Neighborhood, DHead = 16 }, far = new() { DHead = 16 };
        var settings = new HditSettings
        {
            PatchSize = [2, 2],
            Depths = [1, 2, 3],
            Widths = [48, 96, 144],
            DFfs = [40, 80, 120],
            SelfAttns = [near, near, far],
            MappingWidth = 32,
            MappingDFf = 48,
            NumClasses = classes,
            Condition = condition,
            Activation = activation,
            Rescaled = ours,
            SharedKeys = ours,
            OutputImages = images,
        };
        using var network = new HditNetwork(settings);
        var kind = NetworkCatalogue.All.First(kind => kind.Recognises(NetworkInferenceTests.Shapes(network)));
        Assert.Equal("hdit", kind.Name);
        NetworkInferenceTests.AssertSame(NetworkInferenceTests.ModelSettings(settings), kind.Settings(NetworkInferenceTests.Shapes(network)));
        Assert.Equal(role, kind.Describe(kind.Settings(NetworkInferenceTests.Shapes(network)), NetworkInferenceTests.Shapes(network)).Role);
    }

    [Fact]
    public void A_configuration_tells_what_patches_of_other_shapes_do_not()
    {
        HditAttentionSettings far = new() { DHead = 16 };
        var settings = new HditSettings { InputChannels = 3, PatchSize = [1, 2], Depths = [1], Widths = [32], DFfs = [24], SelfAttns = [far], MappingWidth = 16, MappingDFf = 24, MappingDepth = 1 };
        using var network = new HditNetwork(settings);
        var path = files.Write("rectangular.safetensors", CheckpointFixture.RandomWeights(network, 5));
        Assert.Equal(6, Model.Identify(path).Card.Channels);
        using var model = Model.Load(path, new() { Architecture = JsonNode.Parse("""{"input_channels": 3, "patch_size": [1, 2]}""")!.AsObject() });
        NetworkInferenceTests.AssertSame(NetworkInferenceTests.ModelSettings(settings), model.Card.Settings!);
    }

    [Fact]
    public void A_saved_InvFussion_network_loads_as_a_model_that_takes_the_measurement()
    {
        using var network = InvFussionTests.Network(new());
        var weights = network.NamedTensors.Select(named => named.Tensor.CopyToEntry(named.Name)).ToList();
        var card = new ModelCard { NativeSize = 16, RoleSettings = ConditionalModels.Settings(new(["motion-blur"], 0)) };
        using var model = Model.Load(files.Write("invfussion.safetensors", weights), new() { Card = card, Architecture = JsonNode.Parse("""{"self_attns": [{"type": "global", "d_head": 8}, {"type": "global", "d_head": 8}]}""")!.AsObject() });
        var conditional = Assert.IsType<NetworkConditionalDenoiser>(model.Predictor);
        using var h = OperatorFamilies.Zero.Draw(new(3, 16, 16), 0).Bind("zero");
        Assert.True(conditional.SeesOperator);
        Assert.StartsWith("out of distribution", conditional.Warning(h, 0), StringComparison.Ordinal);
        using var scope = new Scope();
        var (x, noise) = (new SeededNoise(1).Normal([1, 3, 16, 16]), Tensor.Zeros([1]));
        Assert.Equal(network.Forward(x, noise).ToArray<float>(), ((HditNetwork)model.Network).Forward(x, noise).ToArray<float>());
        Assert.Contains("is no prior: it is a model that takes the measurement", Assert.Throws<ModelException>(() => model.Denoiser).Message, StringComparison.Ordinal);
    }

    [SkippableTheory]
    [Trait("Category", "Oracle")]
    [MemberData(nameof(OracleFiles.RowsWhere), "networks", "network", "arch", "hdit", MemberType = typeof(OracleFiles))]
    public void HDiT_weights_load_with_the_published_configuration_and_denoise_as_the_oracle(string row)
    {
        using var oracle = OracleFiles.Open(row);
        using var scope = new Scope();
        var path = Path.Combine(Path.GetDirectoryName(oracle.FilePath)!, oracle.Text("weights")!);
        Assert.Equal("hdit", Model.Identify(path).Kind.Name);
        var specification = JsonNode.Parse(oracle.Text("spec")!)!.AsObject();
        specification.Remove("arch");
        using var model = Model.Load(path, new() { Architecture = specification });
        Skip.If(oracle.Has("in.aug_cond") || oracle.Has("in.mapping_cond"), "a prior is told neither augmentation nor further conditions");
        var classes = oracle.Has("in.class_cond") ? oracle.Integers("in.class_cond") : null;
        var found = oracle.Doubles("in.sigma").Select((sigma, i) =>
        {
            // The last row of the table is no class of a prior but its absence.
            var denoiser = classes is null || classes[i] == ((IClassConditional)model.Denoiser).Classes ? model.Denoiser : ((IClassConditional)model.Denoiser).WithLabels(classes[i]);
            return denoiser.Denoise(oracle.Tensor("in.x").Narrow(0, i, 1), sigma);
        });
        oracle.Close("out.D", Tensor.Cat([.. found]));
    }
}
