using System.Globalization;
using Posterior.Torch.Weights;

namespace Posterior.Models;

/// <summary>The names and shapes of a state dict: all that settings are inferred from.</summary>
/// <param name="shapes">Shapes by key, without prefix.</param>
public sealed class TensorShapes(IReadOnlyDictionary<string, long[]> shapes)
{
    /// <summary>The shapes of a file's entries below a prefix.</summary>
    public static TensorShapes Of(IEnumerable<WeightEntry> entries, string prefix = "") => new(entries
        .Where(entry => entry.Name.StartsWith(prefix, StringComparison.Ordinal))
        .ToDictionary(entry => entry.Name[prefix.Length..], entry => entry.Shape.ToArray(), StringComparer.Ordinal));

    /// <summary>The shapes below a prefix, without it.</summary>
    public TensorShapes Below(string prefix) => new(shapes.Where(pair => pair.Key.StartsWith(prefix, StringComparison.Ordinal)).ToDictionary(pair => pair.Key[prefix.Length..], pair => pair.Value, StringComparer.Ordinal));

    /// <summary>The keys.</summary>
    public IEnumerable<string> Keys => shapes.Keys;

    /// <summary>Whether there is a tensor of this name.</summary>
    public bool Has(string key) => shapes.ContainsKey(key);

    /// <summary>Whether all these tensors are there.</summary>
    public bool HasAll(params ReadOnlySpan<string> keys)
    {
        foreach (var key in keys)
            if (!Has(key)) return false;
        return true;
    }

    /// <summary>Whether a key begins like this.</summary>
    public bool HasPrefix(string prefix) => shapes.Keys.Any(key => key.StartsWith(prefix, StringComparison.Ordinal));

    /// <summary>The number of dimensions of a tensor; -1 where there is no such tensor.</summary>
    public int Rank(string key) => shapes.TryGetValue(key, out var shape) ? shape.Length : -1;

    /// <summary>One size of a tensor, as settings hold it.</summary>
    /// <exception cref="ModelException">There is no such tensor or dimension, or the size is absurd.</exception>
    public int Size(string key, int dimension)
    {
        if (!shapes.TryGetValue(key, out var shape)) throw new ModelException($"expected a tensor '{key}', found none");
        if (dimension >= shape.Length || shape[dimension] is < 1 or > int.MaxValue)
            throw new ModelException($"'{key}': expected a size in dimension {dimension}, found [{string.Join(", ", shape)}]");
        return (int)shape[dimension];
    }

    /// <summary>One more than the largest number that follows a prefix: 3 for keys <c>down.0.</c> to <c>down.2.</c>; 0 for none.</summary>
    /// <exception cref="ModelException">The numbers have gaps larger than the number of tensors.</exception>
    public int CountBelow(string prefix)
    {
        var largest = -1;
        foreach (var key in shapes.Keys)
        {
            if (!key.StartsWith(prefix, StringComparison.Ordinal)) continue;
            var rest = key.AsSpan(prefix.Length);
            var end = rest.IndexOf('.');
            if (int.TryParse(end < 0 ? rest : rest[..end], NumberStyles.None, CultureInfo.InvariantCulture, out var index)) largest = Math.Max(largest, index);
        }
        if (largest >= shapes.Count) throw new ModelException($"'{prefix}{largest}': expected numbers without gaps, found {shapes.Count} tensors in all");
        return largest + 1;
    }
}
