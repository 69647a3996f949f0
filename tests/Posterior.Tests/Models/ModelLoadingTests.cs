using System.Text.Json.Nodes;
using Posterior.Diffusion;
using Posterior.Models;
using Posterior.Networks.Ddpm;
using Posterior.Torch;

namespace Posterior.Tests.Models;

public sealed class ModelLoadingTests(CheckpointFixture files) : IClassFixture<CheckpointFixture>
{
    [Theory]
    [InlineData("conv.weight", new[] { "conv.weight", "ema.conv.weight" }, "ema.")]
    [InlineData("conv.weight", new[] { "params.conv.weight", "params_ema.conv.weight" }, "params_ema.")]
    [InlineData("conv.weight", new[] { "state_dict.model.conv.weight", "ema.shadow.conv.weight" }, "ema.shadow.")]
    [InlineData("conv.weight", new[] { "state_dict.denoiser_fn.conv.weight", "optimizer_states.0.state.0.exp_avg" }, "state_dict.denoiser_fn.")]
    [InlineData("conv.weight", new[] { "0.module.conv.weight", "1.state.0.exp_avg", "4.conv.weight" }, "4.")]
    [InlineData("conv.weight", new[] { "0.module.conv.weight", "1.state.0.exp_avg" }, "0.module.")]
    [InlineData("conv.weight", new[] { "model.conv.weight", "model_ema.conv.weight" }, "model_ema.")]
    [InlineData("conv.weight", new[] { "schema.conv.weight", "model.conv.weight" }, "model.")]
    [InlineData("conv.weight", new[] { "conv.weight", "preconv.weight" }, "")]
    public void Averaged_weights_win_in_every_layout(string key, string[] names, string expected) =>
        Assert.Equal(expected, StateDictLayout.Prefixes(names, key)[0]);

    [Fact]
    public void The_average_in_a_list_checkpoint_is_what_loads()
    {
        using var network = Small();
        var (raw, averaged) = (CheckpointFixture.RandomWeights(network, 1, "0.module."), CheckpointFixture.RandomWeights(network, 2, "4."));
        var path = files.Write("list.safetensors", raw.Concat(averaged));
        using var model = Model.Load(path);
        var expected = averaged.First(entry => entry.Name == "4.conv_in.weight").ReadBytes();
        using var found = model.Network.NamedTensors.First(named => named.Name == "conv_in.weight").Tensor.Clone();
        Assert.Equal(expected, found.CopyToEntry("found").ReadBytes());
        Assert.Equal("list", model.Card.Name);
        Assert.Equal(network.ParameterCount, model.Card.Parameters);
        Assert.Equal(64, model.Sha256.Length);
    }

    [Fact]
    public void The_card_beside_the_weights_wins_over_shapes_and_options_win_over_the_card()
    {
        using var network = Small();
        var path = files.Write("carded.safetensors", CheckpointFixture.RandomWeights(network, 1));
        var card = new ModelCard { Name = "faces", Licence = "MIT", Prediction = Prediction.Velocity, Settings = new JsonObject { ["image_size"] = 64, ["attn_resolutions"] = new JsonArray() }, Schedule = new() { Kind = ScheduleKind.VpCosine, Steps = 10 } };
        card.Write(Path.ChangeExtension(path, ".json"));

        using (var model = Model.Load(path))
        {
            Assert.Equal(("faces", "MIT", 64, Prediction.Velocity), (model.Card.Name, model.Card.Licence, model.Card.NativeSize, model.Card.Prediction));
            Assert.Equal(VpSchedule.Cosine(10).Sigma(9), model.Denoiser.SigmaRange.Max, 9);
            Assert.Equal(VpSchedule.Cosine(10), model.Denoiser.Schedule);
            Assert.Equal(32, (int)model.Card.Settings!["ch"]!);
        }
        using (var model = Model.Load(path, new() { Architecture = new JsonObject { ["image_size"] = 128 }, Card = new() { Schedule = new() { Kind = ScheduleKind.VpLinear } } }))
        {
            Assert.Equal((128, "MIT"), (model.Card.NativeSize, model.Card.Licence));
            Assert.Equal(VpSchedule.Linear().Sigma(999), model.Denoiser.SigmaRange.Max, 9);
        }
    }

    [Fact]
    public void A_card_survives_writing_and_reading()
    {
        var card = new ModelCard
        {
            Name = "x",
            Network = "photo-unet",
            Settings = new JsonObject { ["widths"] = new JsonArray(1, 2) },
            Schedule = new() { Kind = ScheduleKind.EdmIddpm },
            ValueRange = [0, 1],
            Limits = ["none"],
            Training = new JsonObject { ["hours"] = 2.5 },
        };
        var path = files.Path("card.json");
        card.Write(path);
        Assert.Contains("\"kind\": \"edm-iddpm\"", File.ReadAllText(path), StringComparison.Ordinal);
        var read = ModelCard.Read(path);
        Assert.Equal((card.Name, card.Network, card.Schedule), (read.Name, read.Network, read.Schedule));
        Assert.Equal(card.ValueRange, read.ValueRange!);
        Assert.Equal(card.Settings.ToJsonString(), read.Settings!.ToJsonString());
        Assert.Equal(card.Training.ToJsonString(), read.Training!.ToJsonString());
        Assert.Empty(Directory.GetFiles(Path.GetDirectoryName(path)!, "*.tmp"));
    }

    [Fact]
    public void A_damaged_card_is_one_clear_line()
    {
        var path = files.Path("damaged.json");
        File.WriteAllText(path, "{ \"name\": ");
        var message = Assert.Throws<ModelException>(() => ModelCard.Read(path)).Message;
        Assert.StartsWith("damaged.json: expected a model card", message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', message);
    }

    [Fact]
    public void Weights_that_are_not_those_of_the_card_are_refused()
    {
        using var network = Small();
        var path = files.Write("hashed.safetensors", CheckpointFixture.RandomWeights(network, 1));
        new ModelCard { Sha256 = new string('0', 64) }.Write(Path.ChangeExtension(path, ".json"));
        Assert.Contains("expected SHA-256 0000", Assert.Throws<ModelException>(() => Model.Load(path)).Message, StringComparison.Ordinal);
        using var unchecked_ = Model.Load(path, new() { VerifyHash = false });
        Assert.NotEqual(new string('0', 64), unchecked_.Sha256);
    }

    [Fact]
    public void A_name_that_is_neither_file_nor_model_is_refused() =>
        Assert.Contains("'no-such-model': expected a weight file or the name of a model", Assert.Throws<ModelException>(() => Model.Load("no-such-model")).Message, StringComparison.Ordinal);

    [Fact]
    public void Disposing_a_model_frees_its_weights()
    {
        using var network = Small();
        var model = Model.Load(files.Write("freed.safetensors", CheckpointFixture.RandomWeights(network, 1)));
        Tensor[] weights = [.. model.Network.Parameters];
        Assert.All(weights, weight => Assert.False(weight.IsClosed));
        model.Dispose();
        Assert.All(weights, weight => Assert.True(weight.IsClosed));
    }

    [Fact]
    public void A_loaded_prior_denoises_any_size_in_either_number_format()
    {
        using var network = Small();
        var path = files.Write("sizes.safetensors", CheckpointFixture.RandomWeights(network, 1));
        using var scope = new Scope();
        var x = new SeededNoise(1).Normal([1, 3, 11, 14]);
        using var single = Model.Load(path);
        using var half = Model.Load(path, new() { DType = DType.BFloat16 });
        var expected = single.Denoiser.Denoise(x, 1);
        var found = half.Denoiser.Denoise(x, 1);
        Assert.Equal((DType.Float32, DType.BFloat16), (found.DType, half.Network.DType));
        Assert.Equal(x.Shape.ToArray(), found.Shape.ToArray());
        Assert.InRange((found - expected).Abs().Max().Item() / expected.Abs().Max().Item(), 1e-9, 0.03);
    }

    [Fact]
    public void The_denoising_curve_tells_a_right_reading_from_a_wrong_one()
    {
        using var scope = new Scope();
        var images = new SeededNoise(1, 2).Normal([2, 1, 32, 32]) * 0.5;
        var exact = new GaussianLike(0.25);
        foreach (var point in DenoisingCurve.Measure(exact, images, [0.1, 1, 10], new SeededNoise(3, 4)))
        {
            Assert.Equal(0, point.Explained, 0.05);
            Assert.Equal(1, point.InputError / (point.Sigma * point.Sigma), 0.1);
        }

        // The same prior for data of another range is worse than scaling.
        Assert.All(DenoisingCurve.Measure(new RangeDenoiser(exact, 0, 1), images, [1, 10], new SeededNoise(3, 4)), point => Assert.True(point.Explained < -0.05));
        Assert.All(DenoisingCurve.Measure(new Oracle(images), images, null, new SeededNoise(3, 4)), point => Assert.Equal(1, point.Explained, 1e-9));
        Assert.Equal(12, DenoisingCurve.Levels(exact).Length);
    }

    private static DdpmUNet Small() => new(new DdpmUNetSettings { Ch = 32, ChMult = [1, 2], NumResBlocks = 1, AttnResolutions = [] });

    private sealed class GaussianLike(double variance) : Denoiser
    {
        public override long? Channels => null;

        public override (double Min, double Max) SigmaRange => (0.001, 100);

        public override Tensor Denoise(Tensor x, double sigma) => x * (variance / (variance + sigma * sigma));
    }

    private sealed class Oracle(Tensor images) : Denoiser
    {
        public override long? Channels => null;

        public override (double Min, double Max) SigmaRange => (0.001, 100);

        public override Tensor Denoise(Tensor x, double sigma) => images.Clone();
    }
}
