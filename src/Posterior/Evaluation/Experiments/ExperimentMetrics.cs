using Posterior.Imaging;
using Posterior.Metrics;

namespace Posterior.Evaluation.Experiments;

/// <summary>The metrics of an experiment, with the weights that the user names.</summary>
public sealed class ExperimentMetrics : IDisposable
{
    private ExperimentMetrics(IReadOnlyList<IMetric> loaded, IReadOnlyList<SetMetric> sets, IReadOnlyDictionary<string, FeatureNetwork> networks, IReadOnlyList<string> names, IReadOnlyList<string> missing, IReadOnlyDictionary<string, string> weights) =>
        (Loaded, Sets, Networks, Names, Missing, Weights) = (loaded, sets, networks, names, missing, weights.Count > 0 ? weights : null);

    /// <summary>The metrics of single images that can be computed.</summary>
    public IReadOnlyList<IMetric> Loaded { get; }

    /// <summary>The metrics of sets of images that can be computed.</summary>
    public IReadOnlyList<SetMetric> Sets { get; }

    /// <summary>The networks whose features metrics compare, by name.</summary>
    public IReadOnlyDictionary<string, FeatureNetwork> Networks { get; }

    /// <summary>The names of all that can be computed, in the order asked for.</summary>
    public IReadOnlyList<string> Names { get; }

    /// <summary>The names of those whose weights were not named: they are left out, never replaced.</summary>
    public IReadOnlyList<string> Missing { get; }

    /// <summary>SHA-256 of the weight files of metrics of single images, by the metrics' names; null where none has weights.</summary>
    public IReadOnlyDictionary<string, string>? Weights { get; }

    /// <summary>The hash of the weights of a metric; null where it has none.</summary>
    internal string? WeightsOf(IMetric metric) => Weights?.GetValueOrDefault(metric.Name);

    /// <summary>What is measured where an experiment does not say: PSNR and SSIM, and of images of the shipped classifier's size the Frechet distance on its features.</summary>
    /// <param name="shape">The shape of the images.</param>
    public static IReadOnlyList<string> Usual(ImageShape shape) =>
        shape is { Height: 32, Width: 32 } && FeatureNetwork.IsShipped(SetMetric.Thumbnails) ? ["psnr", "ssim", $"frechet-{SetMetric.Thumbnails}"] : ["psnr", "ssim"];

    /// <summary>Makes metrics.</summary>
    /// <param name="names">Their names.</param>
    /// <param name="weights">Weight files, as <c>METRIC=FILE</c>; several for one metric are read together. Metrics of sets that share a network share its file, which may carry the network's name.</param>
    /// <exception cref="ArgumentException">A name is unknown, or a text has another form.</exception>
    /// <exception cref="Models.ModelException">A file holds another network.</exception>
    public static ExperimentMetrics Load(IReadOnlyList<string> names, IReadOnlyList<string> weights)
    {
        var files = weights.Select(text => Split(text, names)).ToLookup(pair => pair.Metric, pair => pair.File);
        var (loaded, sets, networks, known, missing) = (new List<IMetric>(), new List<SetMetric>(), new Dictionary<string, FeatureNetwork>(StringComparer.Ordinal), new List<string>(), new List<string>());
        var hashes = new Dictionary<string, string>(StringComparer.Ordinal);
        try
        {
            foreach (var name in names)
            {
                if (NetworkOf(name) is { } network)
                {
                    if (!networks.ContainsKey(network))
                    {
                        var named = files[network].ToArray();
                        if (named.Length > 1) throw new ArgumentException($"--weights: expected one file for {network}, found {named.Length}");
                        if (named.Length == 0 && !FeatureNetwork.IsShipped(network))
                        {
                            if (!MetricCatalog.Names.Contains(name)) throw new ArgumentException($"no network is called '{network}': name its weights with --weights {name}=FILE, from {FeatureNetwork.Files(network)}");
                            missing.Add(name);
                            continue;
                        }
                        networks[network] = FeatureNetwork.Load(network, named.FirstOrDefault());
                    }
                    if (SetMetric.TryParse(name) is { } set) sets.Add(set);
                    else
                    {
                        loaded.Add(networks[network].Distance ?? throw new ArgumentException($"metric '{name}' takes {FeatureNetwork.Files(name)}"));
                        hashes[loaded[^1].Name] = networks[network].Sha256;
                    }
                }
                else if (!WeightedMetrics.Names.Contains(name)) loaded.Add(MetricCatalog.Find(name));
                else if (files.Contains(name))
                {
                    loaded.Add(WeightedMetrics.Load(name, [.. files[name]]));
                    hashes[loaded[^1].Name] = string.Join(' ', files[name].Select(FileHash.Of));
                }
                else
                {
                    missing.Add(name);
                    continue;
                }
                known.Add(name);
            }
            return new(loaded, sets, networks, known, missing, hashes);
        }
        catch
        {
            foreach (var metric in loaded.OfType<IDisposable>()) metric.Dispose();
            foreach (var network in networks.Values) network.Dispose();
            throw;
        }
    }

    /// <summary>How to get the weights of a metric that is left out, in words.</summary>
    public static string Files(string name) => NetworkOf(name) is { } network ? FeatureNetwork.Files(network) : WeightedMetrics.Files(name);

    /// <summary>Frees the weights.</summary>
    public void Dispose()
    {
        foreach (var metric in Loaded.OfType<IDisposable>()) metric.Dispose();
        foreach (var network in Networks.Values) network.Dispose();
    }

    // Weights of a set's metric belong to its network.
    private static (string Metric, string File) Split(string text, IReadOnlyList<string> names)
    {
        var parts = text.Split('=', 2);
        if (parts.Length != 2 || parts[1].Length == 0) throw new ArgumentException($"--weights '{text}': expected METRIC=FILE, as lpips-alex=alexnet.pth");
        if (NetworkOf(parts[0]) is { } network) return (network, parts[1]);
        if (parts[0] == SetMetric.Inception || names.Any(name => NetworkOf(name) == parts[0])) return (parts[0], parts[1]);
        if (!WeightedMetrics.Names.Contains(parts[0]))
            throw new ArgumentException($"--weights '{text}': nothing called '{parts[0]}' has weights{Spelling.Suggest(parts[0], [.. WeightedMetrics.Names, SetMetric.Inception])} (there are {string.Join(", ", WeightedMetrics.Names)}, {SetMetric.Inception}, and the networks that metrics of the experiment name)");
        return (parts[0], parts[1]);
    }

    private static string? NetworkOf(string name) => SetMetric.TryParse(name)?.Network ?? FeatureDistance.NetworkOf(name);
}
