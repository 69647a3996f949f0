using Posterior.Models;
using Posterior.Networks.Edm;
using Posterior.Operators;
using Posterior.Torch;

namespace Posterior.Training;

/// <summary>The networks of models that run a degradation backwards.</summary>
internal static class ReversalNetworks
{
    /// <summary>NCSN++ (Song et al. 2021) as in Fabian et al. 2024, App. E, of a size that a few processor cores can train, with random weights.</summary>
    /// <exception cref="TrainingException">The width, the number of blocks or the crop is out of range.</exception>
    public static SongUNet Create(int width, int blocks, TrainingContext context)
    {
        if (width is < 8 or > 512 || width % 4 != 0) throw new TrainingException($"width: expected a multiple of 4 from 8 to 512, found {width}");
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
