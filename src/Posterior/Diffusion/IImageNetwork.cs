namespace Posterior.Diffusion;

/// <summary>A raw network whose input is an image: what whoever prepares images for it, or cuts them into tiles, must know. What is not stated is assumed with care.</summary>
public interface IImageNetwork
{
    /// <summary>The number of channels of the images.</summary>
    int ImageChannels { get; }

    /// <summary>Height and width of the input must be multiples of this.</summary>
    int SizeMultiple { get; }

    /// <summary>What corners of tiles are multiples of, so that the network's grids in a tile and in the whole image coincide.</summary>
    int TileMultiple => SizeMultiple;

    /// <summary>The distance in pixels as far as the network looks: with that much context a tile gives what the whole image gives. Null where it may look at the whole image.</summary>
    int? TileContext => null;

    /// <summary>Channels of the finest level for each pixel of the input.</summary>
    double FinestChannels => 128;

    /// <summary>
    /// Tensors of the finest level that are alive at the network's widest point: inputs, skips, the concatenation and the work space of a convolution.
    /// Measured: 12.0 for ADM's UNet of 64 channels at 256 x 256.
    /// </summary>
    int LiveTensors => 14;

    /// <summary>Whether it needs memory for every pair of places: it then sees at most four times the pixels of its training.</summary>
    bool PairsPlaces => false;
}
