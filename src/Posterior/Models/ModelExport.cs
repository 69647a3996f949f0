using Posterior.Imaging;
using Posterior.Torch;
using Posterior.Torch.Nn;
using Posterior.Torch.Weights;

namespace Posterior.Models;

/// <summary>Writes a model as Posterior ships it: weights in safetensors, and a card of the same name beside them.</summary>
public static class ModelExport
{
    /// <summary>Writes weights and card; older files of these names are replaced only when the new ones are complete.</summary>
    /// <param name="path">The weight file, <c>NAME.safetensors</c>.</param>
    /// <param name="network">The network, with the weights to ship.</param>
    /// <param name="card">The card; its name, parameter count and hash are filled in.</param>
    /// <param name="dtype">The format of the floating-point weights.</param>
    /// <returns>The card as written.</returns>
    /// <exception cref="WeightFileException">The weights cannot be written.</exception>
    /// <exception cref="ImageException">The card cannot be written.</exception>
    public static ModelCard Write(string path, Module network, ModelCard card, DType dtype = DType.Float16)
    {
        using var noGrad = new NoGrad();
        using var scope = new Scope();
        SafetensorsWriter.Write(path, network.NamedTensors.Select(named => (named.Name, named.Tensor.DType.IsFloatingPoint() ? named.Tensor.To(dtype) : named.Tensor)));
        using var file = WeightFile.Open(path);
        var complete = card with { Name = card.Name ?? Path.GetFileNameWithoutExtension(path), Parameters = network.ParameterCount, Sha256 = file.Sha256() };
        complete.Write(Path.ChangeExtension(path, ".json"));
        return complete;
    }
}
