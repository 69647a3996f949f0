using System.Globalization;

namespace Posterior.Models;

/// <summary>
/// Finds the state dict in a checkpoint: trainers wrap it in dictionaries (<c>state_dict</c>, <c>model</c>, <c>ema</c>, <c>params_ema</c>), in
/// lists (DDIM's <c>[model, optimizer, epoch, step, ema]</c>) and in <c>module.</c> of data parallelism. Averaged weights win over raw ones.
/// </summary>
public static class StateDictLayout
{
    /// <summary>The prefixes below which there is a key, averaged weights first, then the shortest.</summary>
    /// <param name="names">All tensor names of the file.</param>
    /// <param name="key">A key that the state dict has, such as <c>conv_in.weight</c>.</param>
    public static IReadOnlyList<string> Prefixes(IEnumerable<string> names, string key)
    {
        var prefixes = names
            .Where(name => name.EndsWith(key, StringComparison.Ordinal) && (name.Length == key.Length || name[^(key.Length + 1)] == '.'))
            .Select(name => name[..^key.Length])
            .ToList();
        return [.. prefixes
            .OrderByDescending(prefix => IsAveraged(prefix) || IsLastOfList(prefix, prefixes))
            .ThenBy(prefix => prefix.Length)
            .ThenBy(prefix => prefix, StringComparer.Ordinal)];
    }

    /// <summary>Whether a prefix names averaged weights: a part of it contains <c>ema</c> or is <c>shadow</c> or <c>averaged_model</c>.</summary>
    public static bool IsAveraged(string prefix) => prefix.Split('.').Any(part =>
        part.Split('_').Contains("ema", StringComparer.OrdinalIgnoreCase) || part is "shadow" or "averaged_model" || part.StartsWith("ema", StringComparison.OrdinalIgnoreCase));

    // In a list that holds the network twice, the later one is the average (ddim's runners/diffusion.py appends it).
    private static bool IsLastOfList(string prefix, List<string> all)
    {
        var positions = all.Select(Position).OfType<int>().Distinct().ToList();
        return positions.Count > 1 && Position(prefix) == positions.Max();

        static int? Position(string prefix) => int.TryParse(prefix.Split('.')[0], NumberStyles.None, CultureInfo.InvariantCulture, out var index) ? index : null;
    }
}
