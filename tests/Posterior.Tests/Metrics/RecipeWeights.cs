using System.Text;
using Posterior.Torch;
using Posterior.Torch.Nn;

namespace Posterior.Tests.Metrics;

/// <summary>Fills networks that are too large to store with weights that are a function of their keys: the recipe of oracles/metrics/README.md.</summary>
internal static class RecipeWeights
{
    public static void Fill(Module network, string prefix)
    {
        using var noGrad = new NoGrad();
        var tensors = network.NamedTensors.ToArray();
        foreach (var (name, tensor) in tensors)
        {
            using var scope = new Scope();
            var (low, high) = Range(name, tensor, tensors.Select(pair => pair.Name));
            var values = new float[tensor.Count];
            for (var i = 0; i < values.Length; i++) values[i] = (float)(low + (high - low) * Uniform(prefix + name, i));
            tensor.CopyFrom(Tensor.From(values, tensor.Shape.ToArray()));
        }
        network.WeightsChanged();
    }

    /// <summary>The i-th uniform number of a key, in [0, 1).</summary>
    public static double Uniform(string key, int i)
    {
        unchecked
        {
            var z = Hash(key) + (ulong)(i + 1) * 0x9E3779B97F4A7C15;
            z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
            z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
            return ((z ^ (z >> 31)) >> 11) * (1.0 / (1L << 53));
        }
    }

    // FNV-1a.
    public static ulong Hash(string key)
    {
        var hash = 0xcbf29ce484222325;
        foreach (var b in Encoding.UTF8.GetBytes(key)) hash = unchecked((hash ^ b) * 0x100000001b3);
        return hash;
    }

    private static (double Low, double High) Range(string name, Tensor tensor, IEnumerable<string> names)
    {
        var (module, kind) = (name[..name.LastIndexOf('.')], name[(name.LastIndexOf('.') + 1)..]);
        if (tensor.Rank >= 2)
        {
            var bound = Math.Sqrt(6.0 / (tensor.Count / tensor.Size(0)));
            return (-bound, bound);
        }
        if (!names.Contains(module + ".running_mean")) return (-0.1, 0.1);
        return kind switch
        {
            "weight" => (0.75, 1.25),
            "running_var" => (0.5, 1.5),
            _ => (-0.2, 0.2),
        };
    }
}
