using System.Text.Json.Nodes;
using Posterior.Torch.Weights;

namespace Posterior.Models;

/// <summary>What a weight file holds, told from names and shapes alone.</summary>
/// <param name="Kind">The architecture.</param>
/// <param name="Prefix">What the keys of the chosen state dict begin with.</param>
/// <param name="Card">Everything inferred, with the card beside the file and the overrides over it.</param>
public sealed record ModelIdentity(NetworkKind Kind, string Prefix, ModelCard Card)
{
    /// <summary>Recognises an open weight file.</summary>
    /// <param name="file">The file.</param>
    /// <param name="card">What is known beside the tensors; null for nothing.</param>
    /// <param name="architecture">A configuration that wins over card and shapes (<c>--arch</c>): settings and perhaps <c>arch</c>, the architecture's name.</param>
    /// <exception cref="ModelException">No architecture fits, or a setting is unknown.</exception>
    public static ModelIdentity Of(WeightFile file, ModelCard? card = null, JsonObject? architecture = null)
    {
        ArgumentNullException.ThrowIfNull(file);
        var name = architecture?["arch"]?.ToString() ?? card?.Network;
        var kinds = name is null ? NetworkCatalogue.All : [NetworkCatalogue.Find(name)];
        foreach (var kind in kinds)
        {
            foreach (var prefix in StateDictLayout.Prefixes(file.Entries.Select(entry => entry.Name), kind.Anchor))
            {
                var shapes = TensorShapes.Of(file.Entries, prefix);
                if (!kind.Recognises(shapes)) continue;
                var described = kind.Describe(kind.Settings(shapes, card?.Settings, architecture), shapes) with
                {
                    Parameters = file.Entries.Where(entry => entry.Name.StartsWith(prefix, StringComparison.Ordinal)).Sum(entry => entry.ElementCount),
                };
                return new ModelIdentity(kind, prefix, (card ?? new ModelCard()).Over(described));
            }
        }
        var first = file.Entries.Count == 0 ? "nothing" : $"{file.Entries.Count} tensors beginning with '{file.Entries[0].Name}'";
        throw new ModelException($"{Path.GetFileName(file.FilePath)}: expected the weights of {string.Join(", ", kinds.Select(kind => kind.Name))}, found {first}");
    }
}
