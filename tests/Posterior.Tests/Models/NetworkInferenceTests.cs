using System.Text.Json;
using System.Text.Json.Nodes;
using Posterior.Diffusion;
using Posterior.Models;
using Posterior.Networks;
using Posterior.Networks.Adm;
using Posterior.Networks.Ddpm;
using Posterior.Networks.Denoisers;
using Posterior.Networks.Edm2;
using Posterior.Networks.Swin;
using Posterior.Oracles;
using Posterior.Tests.Networks;
using Posterior.Torch;
using Posterior.Torch.Nn;

namespace Posterior.Tests.Models;

public sealed class NetworkInferenceTests(CheckpointFixture files) : IClassFixture<CheckpointFixture>
{
    private static readonly AdmUNetSettings _adm = new()
    {
        ModelChannels = 32,
        NumResBlocks = 2,
        ChannelMult = [1, 1, 2, 2, 4, 4],
        AttentionResolutions = [8, 16, 32],
        NumHeadChannels = 64,
        ResblockUpdown = true,
        UseScaleShiftNorm = true,
    };

    /// <summary>Structures of published checkpoints with a smaller base width.</summary>
    public static TheoryData<string> Published => new(Structures.Keys);

    private static Dictionary<string, AdmUNetSettings> Structures => new()
    {
        ["256x256_diffusion_uncond"] = _adm,
        ["256x256_diffusion"] = _adm with { NumClasses = 7 },
        ["512x512_diffusion"] = _adm with { ImageSize = 512, ModelChannels = 64, ChannelMult = [0.5, 1, 1, 2, 2, 4, 4], AttentionResolutions = [16, 32, 64], NumClasses = 7, NumResBlocks = 1 },
        ["128x128_diffusion"] = _adm with { ImageSize = 128, ChannelMult = [1, 1, 2, 3, 4], AttentionResolutions = [4, 8, 16], NumHeads = 4, NumHeadChannels = -1, NumClasses = 7 },
        ["ffhq, one block, attention at 16"] = _adm with { NumResBlocks = 1, AttentionResolutions = [16] },
        ["convolutions between levels"] = _adm with { ResblockUpdown = false, UseScaleShiftNorm = false, OutChannels = 3 },
        ["no convolutions between levels"] = _adm with { ResblockUpdown = false, ConvResample = false, InChannels = 1, OutChannels = 2 },
        ["one level"] = _adm with { ImageSize = 32, ChannelMult = [2], AttentionResolutions = [1], ResblockUpdown = false },
    };

    [Theory]
    [MemberData(nameof(Published))]
    public void Shapes_of_an_ADM_network_give_its_settings_back(string structure)
    {
        var settings = Structures[structure];
        using var network = new AdmUNet(settings);
        var kind = NetworkCatalogue.All.First(kind => kind.Recognises(Shapes(network)));
        Assert.Equal("adm-unet", kind.Name);
        AssertSame(ModelSettings(settings), kind.Settings(Shapes(network)));
    }

    [Fact]
    public void The_64x64_checkpoint_has_the_new_attention_order_and_the_cosine_schedule()
    {
        // Its real sizes, six times those of a network that is cheap to build: every channel count is a multiple of 32, nothing else is.
        using var small = new AdmUNet(_adm with { ImageSize = 64, ChannelMult = [1, 2, 3, 4], AttentionResolutions = [2, 4, 8], NumResBlocks = 3, NumClasses = 1000 });
        var shapes = new TensorShapes(small.NamedTensors.ToDictionary(named => named.Name, named => named.Tensor.Shape.ToArray().Select(size => size % 32 == 0 ? 6 * size : size).ToArray()));
        var kind = NetworkCatalogue.Find("adm-unet");
        var settings = kind.Settings(shapes);
        Assert.Equal(192, (int)settings["model_channels"]!);
        Assert.Equal(64, (int)settings["image_size"]!);
        Assert.Equal(64, (int)settings["num_head_channels"]!);
        Assert.True((bool)settings["use_new_attention_order"]!);
        Assert.Equal(ScheduleKind.VpCosine, kind.Describe(settings, shapes).Schedule!.Kind);
        Assert.Equal(1000, kind.Describe(settings, shapes).ClassCount);
    }

    [Theory]
    [InlineData(64, 4, new[] { 1.0, 2, 3, 4 }, new[] { 2, 4, 8 }, true, AdmPool.Attention)]
    [InlineData(256, 2, new[] { 1.0, 1, 2, 2, 4, 4 }, new[] { 8, 16, 32 }, true, AdmPool.Attention)]
    [InlineData(128, 2, new[] { 1.0, 1, 2, 3, 4 }, new[] { 4, 8, 16 }, false, AdmPool.Adaptive)]
    public void Shapes_of_a_classifier_give_its_levels_back(int size, int blocks, double[] multipliers, int[] attention, bool updown, AdmPool pool)
    {
        using var network = new AdmClassifier(new AdmClassifierSettings
        {
            ImageSize = size,
            ModelChannels = 32,
            NumResBlocks = blocks,
            ChannelMult = multipliers,
            AttentionResolutions = attention,
            ResblockUpdown = updown,
            UseScaleShiftNorm = true,
            OutChannels = 11,
            Pool = pool,
        });
        var kind = NetworkCatalogue.All.First(kind => kind.Recognises(Shapes(network)));
        var settings = kind.Settings(Shapes(network));
        Assert.Equal(NetworkCatalogue.Classifier, kind.Name);
        Assert.Equal((size, blocks, 11, updown, pool.ToString()), ((int)settings["image_size"]!, (int)settings["num_res_blocks"]!, (int)settings["out_channels"]!, (bool)settings["resblock_updown"]!, (string)settings["pool"]!));
        Assert.Equal(attention, settings["attention_resolutions"]!.AsArray().Select(factor => (int)factor!));
    }

    [Theory]
    [InlineData(256, new[] { 1, 1, 2, 2, 4, 4 }, 2, new[] { 16 }, true)]
    [InlineData(32, new[] { 1, 2, 2, 2 }, 2, new[] { 16 }, false)]
    public void Shapes_of_a_DDPM_network_give_its_settings_back(int size, int[] multipliers, int blocks, int[] attention, bool convolution)
    {
        var settings = new DdpmUNetSettings { ImageSize = size, Ch = 32, ChMult = multipliers, NumResBlocks = blocks, AttnResolutions = attention, ResampWithConv = convolution };
        using var network = new DdpmUNet(settings);
        var kind = NetworkCatalogue.All.First(kind => kind.Recognises(Shapes(network)));
        Assert.Equal("ddpm-unet", kind.Name);
        AssertSame(ModelSettings(settings), kind.Settings(Shapes(network)));
    }

    [Fact]
    public void Shapes_of_a_photo_network_give_its_settings_back()
    {
        var settings = new PhotoUNetSettings { Widths = [16, 24, 32], Blocks = [1, 2, 3], EmbeddingWidth = 20, Classes = 5 };
        using var network = new PhotoUNet(settings);
        var kind = NetworkCatalogue.All.First(kind => kind.Recognises(Shapes(network)));
        Assert.Equal("photo-unet", kind.Name);
        AssertSame(ModelSettings(settings), kind.Settings(Shapes(network)));
    }

    /// <summary>Structures of published checkpoints with a smaller width, and their variants.</summary>
    public static TheoryData<string> OtherStructures => new(Others.Keys);

    private static Dictionary<string, (string Kind, Func<(Module Network, JsonObject Settings)> Build)> Others => new()
    {
        ["edm2-img512"] = Structure("edm2", new Edm2Settings { ImgChannels = 4, LabelDim = 10, ModelChannels = 64, ChannelMult = [1, 2], NumBlocks = 1, AttnResolutions = [32] }, s => new Edm2Network(s)),
        ["edm2, one level, no attention in the encoder, other widths inside"] = Structure("edm2", new Edm2Settings { ImgResolution = 16, ModelChannels = 16, ChannelMult = [2], ChannelMultNoise = 1, ChannelMultEmb = 3, NumBlocks = 2, AttnResolutions = [], ChannelsPerHead = 32 }, s => new Edm2Network(s)),
        ["edm2, coarsest level narrower than a head"] = Structure("edm2", new Edm2Settings { ImgResolution = 16, ModelChannels = 24, ChannelMult = [3, 2], NumBlocks = 1, AttnResolutions = [16] }, s => new Edm2Network(s)),
        ["edm2, no attention at all"] = Structure("edm2", new Edm2Settings { ImgResolution = 16, ModelChannels = 16, ChannelMult = [1, 2], NumBlocks = 1, AttnResolutions = [] }, s => new Edm2Network(s)),
        ["dncnn_25"] = Structure("dncnn", new DnCnnSettings { Nc = 8, ActMode = "R" }, s => new DnCnn(s)),
        ["dncnn3, batch normalisation"] = Structure("dncnn", new DnCnnSettings { InNc = 3, OutNc = 3, Nc = 8, Nb = 7 }, s => new DnCnn(s)),
        ["dncnn, instance normalisation"] = Structure("dncnn", new DnCnnSettings { Nc = 8, Nb = 4, ActMode = "IR" }, s => new DnCnn(s)),
        ["fdncnn_color"] = Structure("fdncnn", new FDnCnnSettings { InNc = 4, OutNc = 3, Nc = 8 }, s => new FDnCnn(s)),
        ["ircnn"] = Structure("ircnn", new IrCnnSettings { InNc = 3, OutNc = 3, Nc = 8 }, s => new IrCnn(s)),
        ["ircnn_color, 25 levels"] = Structure("ircnn-bank", new IrCnnBankSettings { InNc = 3, OutNc = 3, Nc = 4 }, s => new IrCnnBank(s)),
        ["drunet_color"] = Structure("drunet", new DrUNetSettings { Nc = [8, 12, 16, 24] }, s => new DrUNet(s)),
        ["drunet_gray, one block, pooling, pixel shuffle"] = Structure("drunet", new DrUNetSettings { InNc = 2, OutNc = 1, Nc = [4, 4, 6, 6], Nb = 1, DownsampleMode = DownsampleMode.AvgPool, UpsampleMode = UpsampleMode.PixelShuffle, Bias = true }, s => new DrUNet(s)),
        ["drunet, repeated pixels, batch normalisation, blind"] = Structure("drunet", new DrUNetSettings { InNc = 3, Nc = [4, 4, 6, 6], Nb = 2, ActMode = "BR", UpsampleMode = UpsampleMode.UpConv }, s => new DrUNet(s)),
        ["001_classicalSR x8"] = Structure("swinir", Swin with { Upscale = 8, Upsampler = "pixelshuffle" }, s => new SwinIr(s)),
        ["001_classicalSR x3"] = Structure("swinir", Swin with { Upscale = 3, Upsampler = "pixelshuffle" }, s => new SwinIr(s)),
        ["002_lightweightSR x4"] = Structure("swinir", Swin with { Upscale = 4, Upsampler = "pixelshuffledirect" }, s => new SwinIr(s)),
        ["003_realSR x4"] = Structure("swinir", Swin with { Upscale = 4, Upsampler = "nearest+conv" }, s => new SwinIr(s)),
        ["003_realSR x2, large"] = Structure("swinir", Swin with { Upscale = 2, Upsampler = "nearest+conv", ResiConnection = "3conv" }, s => new SwinIr(s)),
        ["004_grayDN"] = Structure("swinir", Swin with { InChans = 1, MlpRatio = 4, QkvBias = false, PatchNorm = false }, s => new SwinIr(s)),
        ["006_CAR"] = Structure("swinir", Swin with { InChans = 1, WindowSize = 7, ImgSize = 14, ImgRange = 255 }, s => new SwinIr(s)),
        ["swinir with positions"] = Structure("swinir", Swin with { Ape = true }, s => new SwinIr(s)),
    };

    private static SwinIrSettings Swin => new() { ImgSize = 24, WindowSize = 8, EmbedDim = 12, Depths = [2, 2], NumHeads = [2, 3], MlpRatio = 2 };

    [Theory]
    [MemberData(nameof(OtherStructures))]
    public void Shapes_of_other_published_structures_give_their_settings_back(string structure)
    {
        var (name, build) = Others[structure];
        var (network, settings) = build();
        using var owned = network;
        var kind = NetworkCatalogue.All.First(kind => kind.Recognises(Shapes(network)));
        Assert.Equal(name, kind.Name);
        AssertSame(settings, kind.Settings(Shapes(network)));
    }

    [Fact]
    public void A_plain_DnCNN_of_seven_layers_is_told_from_an_IRCNN_by_its_stated_name_alone()
    {
        using var network = new DnCnn(new() { Nc = 4, Nb = 7, ActMode = "R" });
        var path = files.Write("twin.safetensors", CheckpointFixture.RandomWeights(network, 4));
        Assert.Equal("ircnn", Model.Identify(path).Kind.Name);
        using var model = Model.Load(path, new() { Architecture = new() { ["arch"] = "dncnn" } });
        Assert.Equal(7, Assert.IsType<DnCnn>(model.Network).Settings.Nb);
    }

    [Fact]
    public void The_noise_level_decides_which_network_of_a_bank_works()
    {
        using var bank = new IrCnnBank(new() { Nc = 2, Levels = 3 });
        Assert.Same(bank.Children[0].Module, bank.ForLevel(0.001));
        Assert.Same(bank.Children[0].Module, bank.ForLevel((float)(2.0 / 255)));
        Assert.Same(bank.Children[1].Module, bank.ForLevel(2.1 / 255));
        Assert.Same(bank.Children[2].Module, bank.ForLevel(1));

        using var scope = new Scope();
        bank.LoadState(CheckpointFixture.RandomWeights(bank, 3).ToDictionary(entry => entry.Name, NetworkOracle.Tensor));
        var x = new SeededNoise(1, 2).Normal([2, 1, 8, 8]);
        var mixed = bank.Restore(x, Tensor.From([2.0 / 255, 6.0 / 255], 2));
        Assert.Equal(bank.ForLevel(2.0 / 255).Forward(x.Narrow(0, 0, 1)).ToArray<float>(), mixed.Narrow(0, 0, 1).ToArray<float>());
        Assert.Equal(bank.ForLevel(6.0 / 255).Forward(x.Narrow(0, 1, 1)).ToArray<float>(), mixed.Narrow(0, 1, 1).ToArray<float>());
    }

    private static (string, Func<(Module, JsonObject)>) Structure<T>(string kind, T settings, Func<T, Module> build) => (kind, () => (build(settings), ModelSettings(settings)));

    // A single layer is no model; preconditioned networks are compared as denoisers, HDiT with its configuration, which shapes do not tell.
    [SkippableTheory]
    [Trait("Category", "Oracle")]
    [MemberData(nameof(OracleFiles.RowsWhere), "networks", "network", "arch", "!layer_,edm_,hdit", MemberType = typeof(OracleFiles))]
    public void Weights_without_any_settings_are_recognised_and_load(string row)
    {
        using var oracle = OracleFiles.Open(row);
        var arch = oracle.Spec.GetProperty("arch").GetString()!;
        var path = Path.Combine(Path.GetDirectoryName(oracle.FilePath)!, oracle.Text("weights")!);
        using var scope = new Scope();
        var kind = arch == "dirac_ncsnpp" ? "song-unet" : arch.Replace('_', '-');
        // Seven plain convolutions are DnCNN's or IRCNN's: dilations leave no trace, so that only a configuration can tell, and IRCNN is assumed.
        var twin = arch == "dncnn" && oracle.Settings<DnCnnSettings>() is { Nb: 7, ActMode.Length: 1 };
        Assert.StartsWith(twin ? "ircnn" : kind, Model.Identify(path).Kind.Name, StringComparison.Ordinal);

        // The specification says what shapes cannot, and then the numbers are those of the oracle.
        var specification = JsonNode.Parse(oracle.Text("spec")!)!.AsObject();
        if (twin) specification["arch"] = kind;
        else specification.Remove("arch");
        // What the published constructor takes where neither is said.
        if (kind.StartsWith("adm-", StringComparison.Ordinal) && !specification.ContainsKey("num_heads") && !specification.ContainsKey("num_head_channels")) specification["num_heads"] = 1;
        var options = new ModelOptions { Architecture = specification };
        if (arch == "adm_classifier")
        {
            using var classifier = Model.LoadClassifier(path, options);
            oracle.Close("out.logits", classifier.Network.Forward(oracle.Tensor("in.x"), oracle.Tensor("in.timesteps")));
            CompareGuidance(oracle, classifier);
            using var inferred = Model.LoadClassifier(path);
            return;
        }
        using (Model.Load(path))
        {
        }
        using var model = Model.Load(path, options);
        switch (model.Network)
        {
            case Edm2Network edm2:
                // The oracle's classes, if any, are rows of numbers; a denoiser is told an index.
                var denoised = oracle.Doubles("in.sigma").Select((sigma, i) =>
                {
                    var label = oracle.Find("in.class_labels")?.Select(0, i);
                    Skip.If(label is not null && label.Max().Item() != 1, "soft classes have no index");
                    var denoiser = label is null ? model.Denoiser : ((IClassConditional)model.Denoiser).WithLabels((long)label.Argmax(0).Item());
                    return denoiser.Denoise(oracle.Tensor("in.x").Narrow(0, i, 1), sigma);
                });
                oracle.Close("out.D", Tensor.Cat([.. denoised]));
                Assert.Equal(edm2.Settings.SigmaData, model.Card.Schedule!.SigmaData);
                break;
            case IRestorationNetwork restoration:
                CompareRestoration(oracle, model, restoration);
                break;
            case INoiseConditioned network:
                oracle.Close("out.y", network.Forward(oracle.Tensor("in.x"), oracle.Tensor(arch == "dirac_ncsnpp" ? "in.noise_labels" : "in.timesteps"), oracle.Find("in.y")));
                Assert.Equal(oracle.Shape("out.y")[1] == 2 * oracle.Shape("in.x")[1], model.Card.LearnedVariance);
                break;
        }
    }

    [SkippableTheory]
    [Trait("Category", "Oracle")]
    [MemberData(nameof(OracleFiles.RowsWhere), "networks", "network", "arch", "edm_", MemberType = typeof(OracleFiles))]
    public void Preconditioned_weights_without_settings_denoise_as_the_oracle(string row)
    {
        using var oracle = OracleFiles.Open(row);
        var arch = oracle.Spec.GetProperty("arch").GetString()!;
        Skip.If(oracle.Has("in.augment_labels"), "augmentation labels are of training only");
        Skip.If(oracle.Has("in.class_labels") && oracle.Doubles("in.class_labels").Any(share => share is not (0 or 1)), "soft classes have no index");
        using var scope = new Scope();
        var kind = arch switch
        {
            "edm_VPPrecond" => ScheduleKind.EdmVp,
            "edm_VEPrecond" => ScheduleKind.EdmVe,
            "edm_iDDPMPrecond" => ScheduleKind.EdmIddpm,
            _ => ScheduleKind.Edm,
        };
        var path = Path.Combine(Path.GetDirectoryName(oracle.FilePath)!, oracle.Text("weights")!);
        var stated = oracle.Spec.TryGetProperty("sigma_data", out var deviation) && deviation.ValueKind == JsonValueKind.Number ? deviation.GetDouble() : (double?)null;
        using var model = Model.Load(path, new() { Card = stated is null && kind is ScheduleKind.Edm or ScheduleKind.EdmIddpm ? null : new() { Schedule = new() { Kind = kind, SigmaData = kind == ScheduleKind.Edm ? stated : null } } });
        Assert.Equal(kind, model.Card.Schedule!.Kind);

        // A class for each image is a one-hot row of the oracle.
        var (x, sigmas) = (oracle.Tensor("in.x"), oracle.Doubles("in.sigma"));
        var labels = oracle.Find("in.class_labels");
        var found = sigmas.Select((sigma, i) =>
        {
            var denoiser = labels is null || labels.Select(0, i).Max().Item() == 0 ? model.Denoiser : ((IClassConditional)model.Denoiser).WithLabels((long)labels.Select(0, i).Argmax(0).Item());
            return denoiser.Denoise(x.Narrow(0, i, 1), sigma);
        });
        oracle.Close("out.D", Tensor.Cat([.. found]));
    }

    [Fact]
    public void Missing_unexpected_and_misshapen_keys_are_listed_in_one_exception()
    {
        using var network = new DdpmUNet(new DdpmUNetSettings { Ch = 32, ChMult = [1], NumResBlocks = 1 });
        var weights = CheckpointFixture.RandomWeights(network, 1);
        weights.RemoveAll(entry => entry.Name is "norm_out.bias" or "mid.block_1.norm1.weight");
        using var wrong = Tensor.Zeros([31]);
        weights.Add(wrong.CopyToEntry("mid.block_1.norm1.weight"));
        weights.Add(wrong.CopyToEntry("extra.weight"));
        var failure = Assert.Throws<StateDictException>(() => Model.Load(files.Write("mismatch.safetensors", weights)));
        Assert.Equal(["norm_out.bias"], failure.Missing);
        Assert.Equal(["extra.weight"], failure.Unexpected);
        Assert.Equal(["mid.block_1.norm1.weight (expected [32], found [31])"], failure.Misshapen);
    }

    [Fact]
    public void Weights_of_no_known_network_are_refused_with_what_was_found()
    {
        using var tensor = Tensor.Zeros([2]);
        var failure = Assert.Throws<ModelException>(() => Model.Load(files.Write("foreign.safetensors", [tensor.CopyToEntry("encoder.weight")])));
        Assert.Contains("foreign.safetensors: expected the weights of adm-unet", failure.Message, StringComparison.Ordinal);
        Assert.Contains("'encoder.weight'", failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Unknown_settings_and_architectures_are_refused_with_a_suggestion()
    {
        using var network = new DdpmUNet(new DdpmUNetSettings { Ch = 32, ChMult = [1], NumResBlocks = 1 });
        var path = files.Write("settings.safetensors", CheckpointFixture.RandomWeights(network, 1));
        Assert.Contains("did you mean 'ch_mult'", Assert.Throws<ModelException>(() => Model.Load(path, new() { Architecture = new() { ["ch_mlt"] = 1 } })).Message, StringComparison.Ordinal);
        Assert.Contains("did you mean 'ddpm-unet'", Assert.Throws<ModelException>(() => Model.Load(path, new() { Architecture = new() { ["arch"] = "dpm-unet" } })).Message, StringComparison.Ordinal);
        Assert.Contains("wrong type", Assert.Throws<ModelException>(() => Model.Load(path, new() { Architecture = new() { ["ch_mult"] = "wide" } })).Message, StringComparison.Ordinal);
        Assert.Equal("ddpm-unet", Model.Identify(path, new() { Architecture = new() { ["dropout"] = 0.1 } }).Kind.Name);
    }

    private static void CompareGuidance(OracleFile oracle, LoadedClassifier classifier)
    {
        // The process of the oracle is not stated and does not matter: only the timestep that a sigma stands for.
        var (times, labels, x) = (oracle.Doubles("in.timesteps"), oracle.Integers("in.y"), oracle.Tensor("in.x"));
        var gradients = times.Select((time, i) =>
        {
            var below = (int)time;
            var (low, high) = (Math.Log(classifier.Sigmas[below]), Math.Log(classifier.Sigmas[Math.Min(below + 1, 999)]));
            return classifier.For(labels[i]).Gradient(x.Narrow(0, i, 1), Math.Exp(low + (time - below) * (high - low)));
        });
        oracle.Close("grad.x", Tensor.Cat([.. gradients]));
        Assert.Contains("class labels go from 0", Assert.Throws<ArgumentException>(() => classifier.For(classifier.Network.Settings.OutChannels)).Message, StringComparison.Ordinal);
    }

    // Pictures of the oracle are in [0, 1]; the last channel of those that have one more is a map of noise levels, which a restorer makes of one number.
    private static void CompareRestoration(OracleFile oracle, LoadedModel model, IRestorationNetwork network)
    {
        var x = oracle.Tensor("in.x");
        var pictures = x.Narrow(1, 0, network.ImageChannels);
        Assert.Equal(network.TakesNoiseLevel, x.Size(1) == network.ImageChannels + 1);
        Assert.Equal(oracle.Shape("out.y")[2], x.Size(2) * network.Scale);
        if (network.TakesNoiseLevel)
        {
            using var other = NetworkCatalogue.Find(model.Card.Network!).Build(model.Card.Settings!, long.MaxValue);
            other.LoadState(oracle.LoadWeights());
            var levels = Tensor.From([.. Enumerable.Range(0, (int)x.Size(0)).Select(i => 0.1f + 0.2f * i)], x.Size(0));
            var map = levels.Reshape(-1, 1, 1, 1).Expand(x.Size(0), 1, x.Size(2), x.Size(3));
            var expected = other is DrUNet drunet ? drunet.Forward(Tensor.Cat([pictures, map], 1)) : ((FDnCnn)other).Forward(Tensor.Cat([pictures, map], 1));
            Assert.Equal(expected.ToArray<float>(), network.Restore(pictures, levels).ToArray<float>());
            return;
        }
        var restorer = model.Predictor as OneShotRestorer ?? new NetworkRestorer(network);
        oracle.Close("out.y", restorer.Restore(pictures * 2 - 1, 0.1) * 0.5 + 0.5);
    }

    internal static TensorShapes Shapes(Module network) => new(network.NamedTensors.ToDictionary(named => named.Name, named => named.Tensor.Shape.ToArray()));

    internal static JsonObject ModelSettings<T>(T settings) => JsonSerializer.SerializeToNode(settings, NetworkOracle.SpecOptions)!.AsObject();

    internal static void AssertSame(JsonObject expected, JsonObject found) =>
        Assert.Equal(expected.OrderBy(pair => pair.Key).Select(pair => $"{pair.Key}: {pair.Value?.ToJsonString()}"), found.OrderBy(pair => pair.Key).Select(pair => $"{pair.Key}: {pair.Value?.ToJsonString()}"));
}
