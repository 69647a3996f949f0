using Posterior.Networks;
using Posterior.Networks.Adm;
using Posterior.Networks.Edm;
using Posterior.Networks.Hdit;
using Posterior.Torch;
using Posterior.Torch.Nn;
using Posterior.Training;

namespace Posterior.Evaluation.Benchmarks;

/// <summary>The networks whose speed is measured. Weights are random, which does not change the time, and keep activations in the normal range of numbers.</summary>
internal static class BenchmarkNetworks
{
    /// <summary>ADM's UNet: 64 channels, multipliers 1, 1, 2, 2, 4, 4, attention at 32, 16 and 8.</summary>
    public static AdmUNet Adm() => Random(new AdmUNet(new AdmUNetSettings
    {
        ModelChannels = 64,
        ChannelMult = [1, 1, 2, 2, 4, 4],
        AttentionResolutions = [8, 16, 32],
        NumResBlocks = 2,
        NumHeadChannels = 64,
        UseScaleShiftNorm = true,
        ResblockUpdown = true,
    }));

    /// <summary>The architecture of the shipped <c>photo</c>.</summary>
    public static PhotoUNet Photo() => Random(new PhotoUNet(new PhotoUNetSettings()));

    /// <summary>NCSN++ for 64 x 64 images: 64 channels, multipliers 1, 2, 2, attention at 16.</summary>
    public static SongUNet Song() => Random(new SongUNet(new SongUNetSettings
    {
        ImgResolution = 64,
        ModelChannels = 64,
        ChannelMult = [1, 2, 2],
        NumBlocks = 2,
        AttnResolutions = [16],
        EmbeddingType = EmbeddingType.Fourier,
        EncoderType = EncoderType.Residual,
        ResampleFilter = [1, 3, 3, 1],
        ChannelMultNoise = 2,
    }));

    /// <summary>The hourglass transformer that is trained on 32 x 32 images, in patches of 4.</summary>
    /// <param name="condition">What it is told of a measurement.</param>
    public static HditNetwork Hdit(MeasurementCondition condition = MeasurementCondition.None)
    {
        var network = new HditNetwork(HditSizes.Find("hdit-thumb4") with { Condition = condition, Rescaled = condition == MeasurementCondition.Operator, SharedKeys = condition == MeasurementCondition.Operator });
        network.Initialise(new SeededNoise(7), outputs: 1);
        return network;
    }

    /// <summary>The networks for 256 x 256 images with one evaluation each; the caller frees the networks.</summary>
    public static IReadOnlyList<(string Name, Module Network, Func<Tensor> Evaluate)> At256()
    {
        var (adm, photo) = (Adm(), Photo());
        return
        [
            ("ADM UNet 256x256", adm, () => Evaluate(x => adm.Forward(x, Tensor.Full([1], 500)))),
            ("photo network 256x256", photo, () => Evaluate(x => photo.Forward(x, Tensor.Zeros([1])))),
        ];

        static Tensor Evaluate(Func<Tensor, Tensor> forward)
        {
            using var scope = new Scope();
            return scope.Keep(forward(new SeededNoise(1).Normal([1, 3, 256, 256])));
        }
    }

    private static T Random<T>(T network)
        where T : Module
    {
        var noise = new SeededNoise(7);
        foreach (var parameter in network.Parameters)
        {
            if (parameter.Rank > 1) Initialisation.Normal(parameter, null, 1, noise);
        }
        return network;
    }
}
