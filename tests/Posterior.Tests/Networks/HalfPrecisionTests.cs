using Posterior.Diffusion;
using Posterior.Networks.Denoisers;
using Posterior.Networks.Edm;
using Posterior.Networks.Edm2;
using Posterior.Networks.Swin;
using Posterior.Torch;
using Posterior.Torch.Nn;

namespace Posterior.Tests.Networks;

/// <summary>Networks converted to BFloat16 take and give single precision, and stay near their own results.</summary>
public sealed class HalfPrecisionTests
{
    private static readonly Dictionary<string, Func<Module>> _networks = new()
    {
        ["edm2"] = () => new Edm2Network(new() { ImgResolution = 16, ModelChannels = 16, ChannelMult = [1, 2], NumBlocks = 1, AttnResolutions = [8], ChannelsPerHead = 16 }),
        ["ncsn++"] = () => new SongUNet(new() { ImgResolution = 16, ModelChannels = 16, ChannelMult = [1, 2], NumBlocks = 1, AttnResolutions = [8], EmbeddingType = EmbeddingType.Fourier, ChannelMultNoise = 2, EncoderType = EncoderType.Residual, ResampleFilter = [1, 3, 3, 1] }),
        ["dncnn"] = () => new DnCnn(new() { InNc = 3, OutNc = 3, Nc = 16, Nb = 5 }),
        ["fdncnn"] = () => new FDnCnn(new() { InNc = 4, OutNc = 3, Nc = 16, Nb = 4 }),
        ["ircnn"] = () => new IrCnn(new() { InNc = 3, OutNc = 3, Nc = 16 }),
        ["drunet"] = () => new DrUNet(new() { Nc = [8, 12, 16, 24], Nb = 2 }),
        ["swinir"] = () => new SwinIr(new() { ImgSize = 16, WindowSize = 4, EmbedDim = 24, Depths = [2, 2], NumHeads = [3, 2], MlpRatio = 2 }),
        ["swinir, enlarging"] = () => new SwinIr(new() { ImgSize = 8, WindowSize = 4, EmbedDim = 16, Depths = [2], NumHeads = [2], Upscale = 4, Upsampler = "nearest+conv" }),
    };

    public static TheoryData<string> Names => new(_networks.Keys);

    [Theory]
    [MemberData(nameof(Names))]
    public void A_network_in_half_precision_stays_near_itself(string name)
    {
        using var scope = new Scope();
        using var network = _networks[name]();
        var noise = new SeededNoise(7);
        using (new NoGrad())
        {
            foreach (var (key, tensor) in network.NamedTensors)
            {
                if (!tensor.DType.IsFloatingPoint() || key.EndsWith("attn_mask", StringComparison.Ordinal) || key.EndsWith("resample_filter", StringComparison.Ordinal)) continue;
                // Variances are positive, frequencies as large as published ones, weights of a size that keeps the scale of features.
                var fanIn = tensor.Rank > 1 ? tensor.Count / tensor.Size(0) : 1;
                var values = noise.Normal([1, Math.Max(1, tensor.Count)]).Reshape(tensor.Shape);
                tensor.CopyFrom(key.EndsWith("running_var", StringComparison.Ordinal) ? values.Square() + 0.5
                    : key.EndsWith("freqs", StringComparison.Ordinal) ? values * 16
                    : tensor.Rank > 1 ? values * (0.7 / Math.Sqrt(fanIn)) : key.EndsWith("gain", StringComparison.Ordinal) ? values * 0 + 0.5 : tensor + values * 0.1);
            }
        }
        network.WeightsChanged();
        var x = new SeededNoise(1, 2).Normal([2, 3, 16, 24]) * 0.3 + 0.5;
        var single = Evaluate(network, x);
        network.To(DType.BFloat16);
        var half = Evaluate(network, x);
        Assert.Equal((DType.BFloat16, DType.Float32), (network.DType, half.DType));
        var relative = (half - single).Norm().Item() / single.Norm().Item();
        Assert.InRange(relative, 1e-6, 0.03);
    }

    private static Tensor Evaluate(Module network, Tensor x) => network switch
    {
        IRestorationNetwork restoration => restoration.Restore(x, Tensor.From([0.1f, 0.2f], 2)),
        INoiseConditioned conditioned => conditioned.Forward(x, Tensor.From([-0.4f, 0.3f], 2)),
        _ => throw new InvalidOperationException(),
    };
}
