using Posterior.Torch;
using Posterior.Torch.Nn;
using Posterior.Torch.Weights;

namespace Posterior.Models;

/// <summary>Reads the weights of a network from a file, one tensor at a time: a checkpoint is never in memory twice.</summary>
internal static class StateDictLoading
{
    /// <summary>Copies a state dict into a network, converted to its types.</summary>
    /// <exception cref="StateDictException">Names are missing or unexpected, or shapes differ; the message lists them.</exception>
    public static void LoadState(this Module network, WeightFile file, string prefix)
    {
        List<string> missing = [], misshapen = [];
        var expected = new HashSet<string>(StringComparer.Ordinal);
        foreach (var (name, target) in network.NamedTensors)
        {
            expected.Add(prefix + name);
            if (!file.TryGet(prefix + name, out var entry)) missing.Add(name);
            else if (!target.Shape.SequenceEqual([.. entry.Shape]))
                misshapen.Add($"{name} (expected [{string.Join(", ", target.Shape.ToArray())}], found [{string.Join(", ", entry.Shape)}])");
        }
        List<string> unexpected = [.. file.Entries.Select(entry => entry.Name)
            .Where(name => name.StartsWith(prefix, StringComparison.Ordinal) && !expected.Contains(name))
            .Select(name => name[prefix.Length..])];
        if (missing.Count + misshapen.Count + unexpected.Count > 0) throw new StateDictException(missing, unexpected, misshapen);

        using var noGrad = new NoGrad();
        foreach (var (name, target) in network.NamedTensors)
        {
            using var source = file[prefix + name].Load();
            target.CopyFrom(source);
        }
        network.WeightsChanged();
    }
}
