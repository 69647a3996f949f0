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
    /// <param name="dtype">The format of the floating-point weights, but for those whose digits matter (<see cref="Module.ExactNames"/>).</param>
    /// <returns>The card as written.</returns>
    /// <exception cref="WeightFileException">The weights cannot be written.</exception>
    /// <exception cref="ImageException">The card cannot be written.</exception>
    public static ModelCard Write(string path, Module network, ModelCard card, DType dtype = DType.Float16)
    {
        using var noGrad = new NoGrad();
        using var scope = new Scope();
        var (cardPath, folder) = (Path.ChangeExtension(path, ".json"), Path.GetDirectoryName(Path.GetFullPath(path))!);
        var unfinished = Path.Combine(folder, $".{Guid.NewGuid():N}");
        try
        {
            Directory.CreateDirectory(unfinished);
            var (weights, words) = (Path.Combine(unfinished, Path.GetFileName(path)), Path.Combine(unfinished, Path.GetFileName(cardPath)));
            var exact = network.ExactNames.ToHashSet(StringComparer.Ordinal);
            SafetensorsWriter.Write(weights, network.NamedTensors.Select(named => (named.Name, named.Tensor.DType.IsFloatingPoint() && !exact.Contains(named.Name) ? named.Tensor.To(dtype) : named.Tensor)));
            using (var file = WeightFile.Open(weights)) card = card with { Name = card.Name ?? Path.GetFileNameWithoutExtension(path), Parameters = network.ParameterCount, Sha256 = file.Sha256() };
            card.Write(words);
            // An old card must not speak for new weights, so it goes first and the new one comes last.
            File.Delete(cardPath);
            File.Move(weights, path, overwrite: true);
            File.Move(words, cardPath, overwrite: true);
            return card;
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new ImageException($"cannot write '{path}': {error.Message.Split('\n')[0].TrimEnd('.', ' ')}", error);
        }
        finally
        {
            Remove(unfinished);
        }
    }

    private static void Remove(string folder)
    {
        try
        {
            if (Directory.Exists(folder)) Directory.Delete(folder, recursive: true);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            // The first failure is the one to report.
        }
    }
}
