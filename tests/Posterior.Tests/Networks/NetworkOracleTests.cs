using System.Text.Json;
using Posterior.Diffusion;
using Posterior.Networks;
using Posterior.Networks.Adm;
using Posterior.Networks.Ddpm;
using Posterior.Networks.Denoisers;
using Posterior.Networks.Edm;
using Posterior.Networks.Edm2;
using Posterior.Networks.Hdit;
using Posterior.Networks.Swin;
using Posterior.Oracles;
using Posterior.Torch;
using Posterior.Torch.Nn;

namespace Posterior.Tests.Networks;

public sealed class NetworkOracleTests
{
    private delegate Tensor Evaluate(Tensor x);

    [SkippableTheory]
    [Trait("Category", "Oracle")]
    [MemberData(nameof(OracleFiles.Rows), "networks", "network", MemberType = typeof(OracleFiles))]
    public void Network_matches_the_oracle(string row)
    {
        using var oracle = OracleFiles.Open(row);
        using var scope = new Scope();
        var arch = oracle.Spec.GetProperty("arch").GetString()!;
        var (network, evaluate) = Build(arch, oracle);
        using var owned = network;
        network.LoadState(oracle.LoadWeights(), Prefix(arch));

        if (oracle.Has("mid.timestep_embedding"))
        {
            var width = oracle.Shape("mid.timestep_embedding")[1];
            oracle.Close("mid.timestep_embedding", arch == "ddpm" ? SinusoidalEmbedding.SineFirst(oracle.Tensor("in.timesteps"), width) : SinusoidalEmbedding.CosineFirst(oracle.Tensor("in.timesteps"), width));
        }

        var x = oracle.Tensor("in.x");
        var output = oracle.Has("out.D") ? "out.D" : oracle.Has("out.logits") ? "out.logits" : "out.y";
        oracle.Close(output, evaluate(x));
        if (oracle.Has("out.prediction")) oracle.Close("out.prediction", evaluate(x) + x);

        // The same numbers from channels-last memory: networks take either.
        oracle.Close(output, evaluate(x.Contiguous(channelsLast: true)));
        CompareGradients(oracle, network, evaluate, x);
    }

    // EDM's preconditioners hold their network under this name.
    private static string Prefix(string arch) => arch.StartsWith("edm_", StringComparison.Ordinal) ? "model." : "";

    private static void CompareGradients(OracleFile oracle, Module network, Evaluate evaluate, Tensor x)
    {
        x.RequiresGrad = true;
        if (oracle.Has("out.logits"))
        {
            var labels = oracle.Tensor("in.y");
            var logProbability = evaluate(x).LogSoftmax(1).Gather(1, labels.Unsqueeze(1)).Squeeze(1);
            oracle.Close("out.log_prob_y", logProbability);
            oracle.Close("grad.x", Tensor.Gradients(logProbability.Sum(), null, [x])[0]!);
            return;
        }

        network.RequireGrad(true);
        var named = network.NamedParameters.ToDictionary(parameter => parameter.Name, parameter => parameter.Tensor);
        var keys = oracle.Json("param_keys").EnumerateArray().Select(key => key.GetString()![Prefix(oracle.Spec.GetProperty("arch").GetString()!).Length..]).ToArray();
        Assert.Equal(keys.Order(StringComparer.Ordinal), named.Keys.Order(StringComparer.Ordinal));
        var gradients = Tensor.Gradients(evaluate(x), oracle.Tensor("in.cotangent"), [x, .. keys.Select(key => named[key])]);
        oracle.Close("grad.x", gradients[0]!);
        // A layer that only resamples has no parameters, nor a norm to compare.
        if (keys.Length > 0) oracle.Close("grad.param_l2", Tensor.From(gradients.Skip(1).Select(gradient => gradient is null ? 0 : gradient.To(DType.Float64).Norm().Item()).ToArray(), keys.Length));
    }

    private static (Module Network, Evaluate Evaluate) Build(string arch, OracleFile oracle)
    {
        switch (arch)
        {
            case "adm_unet":
                var adm = new AdmUNet(oracle.Settings<AdmUNetSettings>());
                return (adm, x => adm.Forward(x, oracle.Tensor("in.timesteps"), oracle.Find("in.y")));
            case "adm_classifier":
                var classifier = new AdmClassifier(oracle.Settings<AdmClassifierSettings>());
                return (classifier, x => classifier.Forward(x, oracle.Tensor("in.timesteps")));
            case "ddpm":
                var ddpm = new DdpmUNet(oracle.Settings<DdpmUNetSettings>());
                return (ddpm, x => ddpm.Forward(x, oracle.Tensor("in.timesteps")));
            case "edm_EDMPrecond" or "edm_VPPrecond" or "edm_VEPrecond" or "edm_iDDPMPrecond":
                return BuildPreconditioned(arch, oracle);
            case "dirac_ncsnpp":
                // Dirac feeds the noise standard deviation itself; its configuration calls the image channels differently.
                var dirac = new SongUNet(oracle.Settings<SongUNetSettings>() with { ImgChannels = oracle.Spec.GetProperty("in_channels").GetInt32() });
                return (dirac, x => dirac.Forward(x, oracle.Tensor("in.noise_labels")));
            case "hdit":
                return BuildHdit(oracle);
            case "layer_edm_Conv2d":
                var convolution = new EdmConvolution(Number("in_channels"), Number("out_channels"), Number("kernel"), LayerResampling(oracle.Spec), LayerFilter(oracle.Spec), Flag("fused_resample"), Flag("bias", otherwise: true));
                return (convolution, convolution.Forward);
            case "layer_edm_UNetBlock":
                var block = new EdmBlock(Number("in_channels"), Number("out_channels"), new EdmBlockSettings
                {
                    EmbeddingChannels = Number("emb_channels"),
                    // One for every 64 channels, or for as many as the spec says.
                    NumHeads = Stated("num_heads")?.GetInt32() ?? (Stated("channels_per_head") is { } width ? Number("out_channels") / width.GetInt32() : null),
                    SkipScale = Stated("skip_scale")?.GetDouble() ?? 1,
                    Epsilon = Stated("eps")?.GetDouble() ?? 1e-5,
                    ResampleFilter = LayerFilter(oracle.Spec),
                    ResampleProj = Flag("resample_proj"),
                    AdaptiveScale = Flag("adaptive_scale", otherwise: true),
                }, LayerResampling(oracle.Spec), Flag("attention"));
                return (block, x => block.Forward(x, oracle.Tensor("in.emb")));
            case "edm2":
                return BuildEdm2(oracle);
            case "dncnn":
                var dncnn = new DnCnn(oracle.Settings<DnCnnSettings>());
                return (dncnn, dncnn.Forward);
            case "fdncnn":
                var fdncnn = new FDnCnn(oracle.Settings<FDnCnnSettings>());
                return (fdncnn, fdncnn.Forward);
            case "ircnn":
                var ircnn = new IrCnn(oracle.Settings<IrCnnSettings>());
                return (ircnn, ircnn.Forward);
            case "drunet":
                var drunet = new DrUNet(oracle.Settings<DrUNetSettings>());
                return (drunet, drunet.Forward);
            case "swinir":
                var swinir = new SwinIr(oracle.Settings<SwinIrSettings>());
                return (swinir, swinir.Forward);
            default:
                Skip.If(true, $"the architecture '{arch}' is not built");
                throw new InvalidOperationException();
        }

        int Number(string setting) => oracle.Spec.GetProperty(setting).GetInt32();
        JsonElement? Stated(string setting) => oracle.Spec.TryGetProperty(setting, out var value) && value.ValueKind != JsonValueKind.Null ? value : null;
        bool Flag(string setting, bool otherwise = false) => Stated(setting)?.GetBoolean() ?? otherwise;
    }

    // EDM2 keeps its network and the uncertainty of its loss below one preconditioner.
    private static (Module Network, Evaluate Evaluate) BuildEdm2(OracleFile oracle)
    {
        var edm2 = new Edm2Network(oracle.Settings<Edm2Settings>());
        var scalings = new EdmPreconditioning(edm2.Settings.SigmaData);
        var (sigmas, labels) = (oracle.Doubles("in.sigma"), oracle.Find("in.class_labels"));
        return (edm2, x =>
        {
            var noise = PerImage(scalings.CNoise).Reshape(-1);
            if (oracle.Has("out.logvar")) oracle.Close("out.logvar", edm2.LogVariance(noise).Reshape(-1, 1, 1, 1));
            var output = edm2.ForwardVectors(x * PerImage(scalings.CIn), noise, labels);
            if (oracle.Has("mid.F")) oracle.Close("mid.F", output);
            return x * PerImage(scalings.CSkip) + output * PerImage(scalings.COut);
        }
        );

        Tensor PerImage(Func<double, double> coefficient) => Tensor.From([.. sigmas.Select(sigma => (float)coefficient(sigma))], sigmas.Length, 1, 1, 1);
    }

    private static (Module Network, Evaluate Evaluate) BuildHdit(OracleFile oracle)
    {
        var settings = oracle.Settings<HditSettings>();
        var (network, scalings, sigmas) = (new HditNetwork(settings), new EdmPreconditioning(settings.SigmaData), oracle.Doubles("in.sigma"));
        var conditions = new HditConditions { Classes = oracle.Find("in.class_cond"), Augmentation = oracle.Find("in.aug_cond"), Mapping = oracle.Find("in.mapping_cond") };
        return (network, x =>
        {
            var output = network.Forward(x * PerImage(scalings.CIn), PerImage(scalings.CNoise).Reshape(-1), conditions);
            if (oracle.Has("mid.F")) oracle.Close("mid.F", output);
            return x * PerImage(scalings.CSkip) + output * PerImage(scalings.COut);
        }
        );

        Tensor PerImage(Func<double, double> coefficient) => Tensor.From([.. sigmas.Select(sigma => (float)coefficient(sigma))], sigmas.Length, 1, 1, 1);
    }

    // D = c_skip x + c_out F(c_in x, c_noise) with a noise level for each image.
    private static (Module Network, Evaluate Evaluate) BuildPreconditioned(string arch, OracleFile oracle)
    {
        Preconditioning scalings = arch switch
        {
            "edm_VPPrecond" => new VpPreconditioning(Stated("beta_d", 19.9), Stated("beta_min", 0.1), (int)Stated("M", 1000)),
            "edm_VEPrecond" => new VePreconditioning(),
            "edm_iDDPMPrecond" => new IddpmPreconditioning(),
            _ => new EdmPreconditioning(Stated("sigma_data", 0.5)),
        };
        double Stated(string setting, double otherwise) => oracle.Spec.TryGetProperty(setting, out var value) && value.ValueKind == JsonValueKind.Number ? value.GetDouble() : otherwise;
        var channels = oracle.Spec.GetProperty("img_channels").GetInt32();
        var outputs = scalings is IddpmPreconditioning ? 2 * channels : channels;
        var sigmas = oracle.Doubles("in.sigma");
        var (labels, augmentation) = (oracle.Find("in.class_labels"), oracle.Find("in.augment_labels"));
        if (oracle.Spec.GetProperty("model_type").GetString() == "SongUNet")
        {
            var song = new SongUNet(oracle.Settings<SongUNetSettings>() with { OutChannels = outputs });
            return (song, x => Denoise(x, (input, noise) => song.ForwardVectors(input, noise, labels ?? Absent(song.Classes), augmentation)));
        }
        var dhariwal = new DhariwalUNet(oracle.Settings<DhariwalUNetSettings>() with { OutChannels = outputs });
        return (dhariwal, x => Denoise(x, (input, noise) => dhariwal.ForwardVectors(input, noise, labels ?? Absent(dhariwal.Classes), augmentation)));

        Tensor? Absent(int classes) => classes == 0 ? null : Tensor.Zeros([sigmas.Length, classes]);

        Tensor Denoise(Tensor x, Func<Tensor, Tensor, Tensor> network)
        {
            var output = network(x * PerImage(scalings.CIn), PerImage(scalings.CNoise).Reshape(-1));
            if (oracle.Has("mid.F")) oracle.Close("mid.F", output);
            return x * PerImage(scalings.CSkip) + output.Narrow(1, 0, channels) * PerImage(scalings.COut);
        }

        Tensor PerImage(Func<double, double> coefficient) => Tensor.From([.. sigmas.Select(sigma => (float)coefficient(sigma))], sigmas.Length, 1, 1, 1);
    }

    private static Resampling LayerResampling(JsonElement spec) =>
        Says(spec, "up") ? Resampling.Up : Says(spec, "down") ? Resampling.Down : Resampling.None;

    private static bool Says(JsonElement spec, string name) => spec.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.True;

    private static int[] LayerFilter(JsonElement spec) => spec.TryGetProperty("resample_filter", out var taps) && taps.ValueKind == JsonValueKind.Array ? [.. taps.EnumerateArray().Select(tap => tap.GetInt32())] : [1, 1];
}
