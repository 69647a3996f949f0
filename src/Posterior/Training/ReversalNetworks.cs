using Posterior.Diffusion;
using Posterior.Models;
using Posterior.Networks;
using Posterior.Networks.Edm;
using Posterior.Operators;
using Posterior.Torch;
using Posterior.Torch.Nn;

namespace Posterior.Training;

/// <summary>The networks of models that run a degradation backwards.</summary>
internal static class ReversalNetworks
{
    /// <summary>NCSN++.</summary>
    public const string Song = "ncsnpp";

    /// <summary>What a training may name.</summary>
    public static IReadOnlyList<string> Names { get; } = [Song, .. TrainingNetworks.All.Select(entry => entry.Name)];

    /// <summary>A network with random weights.</summary>
    /// <param name="name"><c>ncsnpp</c>, or one of <see cref="TrainingNetworks"/>, which can start from the weights of a prior.</param>
    /// <param name="width">The width of the finest level of NCSN++.</param>
    /// <param name="blocks">The residual blocks of each level of NCSN++.</param>
    /// <param name="context">The training.</param>
    /// <exception cref="TrainingException">The name is unknown, or the width, the number of blocks or the crop is out of range.</exception>
    public static ReversalNetwork Create(string name, int width, int blocks, TrainingContext context)
    {
        if (name == Song) return ReversalNetwork.Of(Ncsnpp(width, blocks, context), "song-unet");
        if (!Names.Contains(name)) throw new TrainingException($"no network is called '{name}'{Spelling.Suggest(name, Names)} (there are {string.Join(", ", Names)})");
        var network = new PhotoUNet(TrainingNetworks.Find(name, 0)) { ActivationType = context.Activations };
        network.Initialise(new SeededNoise(context.Seed));
        return ReversalNetwork.Of(network, "photo-unet");
    }

    // NCSN++ (Song et al. 2021) as in Fabian et al. 2024, App. E, of a size that a few processor cores can train.
    private static SongUNet Ncsnpp(int width, int blocks, TrainingContext context)
    {
        // Groups of channels, at most 32, must divide what every level and every concatenation has.
        if (width is not (8 or 12 or 16) && (width is < 32 or > 512 || width % 32 != 0)) throw new TrainingException($"width: expected 8, 12, 16 or a multiple of 32 up to 512, found {width}");
        if (blocks is < 1 or > 16) throw new TrainingException($"blocks: expected 1 to 16, found {blocks}");
        if (context.Crop < 16 || context.Crop % 8 != 0) throw new TrainingException($"crop: expected a multiple of 8 of 16 or more, found {context.Crop}");
        var network = new SongUNet(new SongUNetSettings
        {
            ImgResolution = context.Crop,
            ModelChannels = width,
            ChannelMult = [1, 2, 3, 4],
            NumBlocks = blocks,
            // On the coarsest level only: on finer ones a large image would not fit.
            AttnResolutions = [context.Crop / 8],
            EmbeddingType = EmbeddingType.Fourier,
            ChannelMultNoise = 2,
            EncoderType = EncoderType.Residual,
            ResampleFilter = [1, 3, 3, 1],
        })
        { ActivationType = context.Activations };
        network.Initialise(new SeededNoise(context.Seed));
        return network;
    }

    /// <summary>A card whose process can be made for crops.</summary>
    /// <exception cref="TrainingException">It cannot.</exception>
    public static ReverserCard Checked(Func<ReverserCard> make, int crop)
    {
        try
        {
            var card = make();
            card.Process().At(new(1, crop, crop), 1).Dispose();
            return card;
        }
        catch (Exception failure) when (failure is ModelException or OperatorException)
        {
            throw new TrainingException(failure.Message);
        }
    }
}

/// <summary>A network that a training of a reversed degradation begins with.</summary>
public sealed class ReversalNetwork
{
    private ReversalNetwork(Module module, INoiseConditioned conditioned, string architecture) => (Module, Conditioned, Architecture) = (module, conditioned, architecture);

    /// <summary>The network, as what is trained.</summary>
    public Module Module { get; }

    /// <summary>The same, as what is told a noise level or a time.</summary>
    public INoiseConditioned Conditioned { get; }

    /// <summary>Its name in <see cref="NetworkCatalogue"/>.</summary>
    public string Architecture { get; }

    /// <summary>Takes a network.</summary>
    /// <param name="network">The network.</param>
    /// <param name="architecture">Its name in <see cref="NetworkCatalogue"/>.</param>
    public static ReversalNetwork Of<T>(T network, string architecture)
        where T : Module, INoiseConditioned => new(network, network, architecture);
}
