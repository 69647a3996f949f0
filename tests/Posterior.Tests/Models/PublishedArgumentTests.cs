using System.Text.Json.Nodes;
using Posterior.Models;
using Posterior.Networks.Edm;
using Posterior.Networks.Hdit;
using Posterior.Networks.Swin;
using Posterior.Torch.Nn;

namespace Posterior.Tests.Models;

/// <summary>Configurations with all arguments of the published constructors.</summary>
public sealed class PublishedArgumentTests
{
    private static readonly HditSettings _hdit = new() { PatchSize = [2, 2], Depths = [1], Widths = [32], DFfs = [24], SelfAttns = [new() { DHead = 16 }], MappingWidth = 16, MappingDFf = 24, MappingDepth = 1 };

    private static readonly SwinIrSettings _swin = new() { ImgSize = 24, WindowSize = 8, EmbedDim = 12, Depths = [2], NumHeads = [2], MlpRatio = 2 };

    private static readonly SongUNetSettings _song = new() { ImgResolution = 16, OutChannels = 3, ModelChannels = 16, ChannelMult = [1], NumBlocks = 1, AttnResolutions = [] };

    private static readonly Dictionary<string, (Func<Module> Build, string Configuration)> _published = new()
    {
        ["hdit"] = (() => new HditNetwork(_hdit), """
            {"type": "image_transformer_v2", "input_channels": 3, "input_size": [256, 256], "patch_size": [2, 2], "depths": [1], "widths": [32], "d_ffs": null, "self_attns": null,
             "loss_config": "karras", "loss_weighting": "soft-min-snr", "loss_scales": 1, "dropout_rate": [0.1], "mapping_dropout_rate": 0.1, "mapping_width": 16, "mapping_depth": 1, "mapping_d_ff": null,
             "mapping_cond_dim": 0, "augment_wrapper": false, "augment_prob": 0.12, "sigma_data": 0.5, "sigma_min": 1e-2, "sigma_max": 160, "sigma_sample_density": {"type": "cosine-interpolated"},
             "has_variance": false, "skip_stages": 0}
            """),
        ["swinir"] = (() => new SwinIr(_swin), """
            {"img_size": 24, "patch_size": 1, "in_chans": 3, "embed_dim": 12, "depths": [2], "num_heads": [2], "window_size": 8, "mlp_ratio": 2, "qkv_bias": true, "qk_scale": null, "drop_rate": 0,
             "attn_drop_rate": 0, "drop_path_rate": 0.1, "norm_layer": "LayerNorm", "ape": false, "patch_norm": true, "use_checkpoint": false, "upscale": 1, "img_range": 1, "upsampler": "",
             "resi_connection": "1conv"}
            """),
        ["song-unet"] = (() => new SongUNet(_song), """
            {"img_resolution": 16, "in_channels": 3, "out_channels": 3, "label_dim": 0, "augment_dim": 0, "model_channels": 16, "channel_mult": [1], "channel_mult_emb": 4, "num_blocks": 1,
             "attn_resolutions": [], "dropout": 0.1, "label_dropout": 0, "embedding_type": "Positional", "channel_mult_noise": 1, "encoder_type": "Standard", "decoder_type": "Standard",
             "resample_filter": [1, 1], "use_fp16": false}
            """),
    };

    public static TheoryData<string> Networks => new(_published.Keys);

    [Theory]
    [MemberData(nameof(Networks))]
    public void A_complete_published_configuration_says_what_the_shapes_say(string name)
    {
        using var network = _published[name].Build();
        var (kind, shapes) = (NetworkCatalogue.Find(name), NetworkInferenceTests.Shapes(network));
        NetworkInferenceTests.AssertSame(kind.Settings(shapes), kind.Settings(shapes, JsonNode.Parse(_published[name].Configuration)!.AsObject()));
    }

    [Theory]
    [InlineData("swinir", """{"patch_size": 2}""", "a swinir with patch_size 2 is not built: expected 1")]
    [InlineData("hdit", """{"has_variance": true}""", "has_variance true is not built")]
    [InlineData("hdit", """{"skip_stages": 1}""", "skip_stages 1 is not built")]
    [InlineData("song-unet", """{"dims": 3}""", "dims 3 is not built")]
    [InlineData("song-unet", """{"in_channels": "three"}""", "wrong type")]
    public void An_argument_that_would_make_another_network_is_refused(string name, string configuration, string expected)
    {
        using var network = _published[name].Build();
        var failure = Assert.Throws<ModelException>(() => NetworkCatalogue.Find(name).Settings(NetworkInferenceTests.Shapes(network), JsonNode.Parse(configuration)!.AsObject()));
        Assert.Contains(expected, failure.Message, StringComparison.Ordinal);
    }
}
