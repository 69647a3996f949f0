namespace Posterior.Torch.Weights;

/// <summary>The container formats that <see cref="WeightFile"/> reads; the content decides, never the file's extension.</summary>
public enum WeightFileFormat
{
    /// <summary>A JSON header and one block of raw little-endian data (https://huggingface.co/docs/safetensors).</summary>
    Safetensors,

    /// <summary>PyTorch's container since version 1.6: a zip archive with a pickle and one record per storage.</summary>
    TorchZip,

    /// <summary>PyTorch's container before version 1.6: several pickles followed by raw storages.</summary>
    TorchLegacy,
}
