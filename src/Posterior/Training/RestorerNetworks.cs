using Posterior.Networks.Denoisers;
using Posterior.Networks.Swin;
using Posterior.Torch;
using Posterior.Torch.Nn;

namespace Posterior.Training;

/// <summary>The networks that trainings of restorers and denoisers know, by name; all for colour.</summary>
public static class RestorerNetworks
{
    private const int Channels = 3;

    private static readonly (string Name, string Architecture, Func<RestorerNetworkOptions, Module> Build)[] _all =
    [
        ("dncnn", "dncnn", options => Chain(17, 64, options)),
        ("dncnn-small", "dncnn", options => Chain(10, 48, options)),
        ("drunet", "drunet", options => UNet([64, 128, 256, 512], 4, options)),
        ("drunet-small", "drunet", options => UNet([32, 64, 96, 128], 2, options)),
        ("swinir", "swinir", options => Swin([6, 6, 6, 6], 60, 6, options)),
        ("swinir-small", "swinir", options => Swin([2, 2], 48, 3, options)),
        ("swinir-tiny", "swinir", options => Swin([2], 24, 2, options)),
        ("dncnn-tiny", "dncnn", options => Chain(4, 16, options)),
        ("drunet-tiny", "drunet", options => UNet([8, 12, 16, 24], 1, options)),
    ];

    /// <summary>The names.</summary>
    public static IReadOnlyList<string> Names => [.. _all.Select(entry => entry.Name)];

    /// <summary>Builds a network with random weights.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="options">What the training asks of it.</param>
    /// <returns>The network, and what the catalogue of models calls its architecture.</returns>
    /// <exception cref="TrainingException">There is none of that name, or it cannot do what is asked.</exception>
    internal static (Module Network, string Architecture) Build(string name, RestorerNetworkOptions options)
    {
        foreach (var entry in _all)
            if (entry.Name == name) return (entry.Build(options), entry.Architecture);
        throw new TrainingException($"no network is called '{name}'{Spelling.Suggest(name, Names)} (there are {string.Join(", ", Names)})");
    }

    private static DnCnn Chain(int depth, int width, RestorerNetworkOptions options)
    {
        RequireSameSize(options);
        var network = new DnCnn(new() { InNc = Channels, OutNc = Channels, Nb = depth, Nc = width, ActMode = "R" }) { ActivationType = options.Activations };
        network.Initialise(options.Noise);
        return network;
    }

    private static DrUNet UNet(IReadOnlyList<int> widths, int blocks, RestorerNetworkOptions options)
    {
        RequireSameSize(options);
        var network = new DrUNet(new() { InNc = options.NoiseMap ? Channels + 1 : Channels, OutNc = Channels, Nc = widths, Nb = blocks }) { ActivationType = options.Activations };
        network.Initialise(options.Noise);
        return network;
    }

    private static SwinIr Swin(IReadOnlyList<int> depths, int width, int heads, RestorerNetworkOptions options)
    {
        const int window = 8;
        var network = new SwinIr(new()
        {
            InChans = Channels,
            EmbedDim = width,
            Depths = depths,
            NumHeads = [.. depths.Select(_ => heads)],
            WindowSize = window,
            MlpRatio = 2,
            // The smallest images whose windows shift: the masks of other sizes are made when they are needed, so those in the file can be small.
            ImgSize = 2 * window,
            Upscale = options.Scale,
            Upsampler = options.Scale > 1 ? "pixelshuffledirect" : "",
        });
        network.Initialise(options.Noise);
        return network;
    }

    private static void RequireSameSize(RestorerNetworkOptions options)
    {
        if (options.Scale > 1) throw new TrainingException("this network keeps the size of pictures: expected the input 'picture', which enlarges small ones first, or a swinir network");
    }
}

/// <summary>What a training asks of its network.</summary>
/// <param name="Scale">By how much it enlarges pictures.</param>
/// <param name="NoiseMap">Whether it is told the noise level, where it has a choice.</param>
/// <param name="Activations">The number format of activations, where it has a choice.</param>
/// <param name="Noise">Where random weights come from.</param>
internal sealed record RestorerNetworkOptions(int Scale, bool NoiseMap, DType Activations, NoiseSource Noise);
