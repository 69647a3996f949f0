using Posterior.Metrics;

namespace Posterior.Evaluation.Experiments;

/// <summary>The metrics of an experiment, with the weights that the user names.</summary>
public sealed class ExperimentMetrics : IDisposable
{
    private ExperimentMetrics(IReadOnlyList<IMetric> loaded, IReadOnlyList<string> missing) => (Loaded, Missing) = (loaded, missing);

    /// <summary>The metrics that can be computed.</summary>
    public IReadOnlyList<IMetric> Loaded { get; }

    /// <summary>The names of those whose weights were not named: they are left out, never replaced.</summary>
    public IReadOnlyList<string> Missing { get; }

    /// <summary>Makes metrics.</summary>
    /// <param name="names">Their names.</param>
    /// <param name="weights">Weight files, as <c>METRIC=FILE</c>; several for one metric are read together.</param>
    /// <exception cref="ArgumentException">A name is unknown, or a text has another form.</exception>
    public static ExperimentMetrics Load(IReadOnlyList<string> names, IReadOnlyList<string> weights)
    {
        var files = weights.Select(Split).ToLookup(pair => pair.Metric, pair => pair.File);
        var (loaded, missing) = (new List<IMetric>(), new List<string>());
        try
        {
            foreach (var name in names)
            {
                if (!WeightedMetrics.Names.Contains(name)) loaded.Add(MetricCatalog.Find(name));
                else if (files.Contains(name)) loaded.Add(WeightedMetrics.Load(name, [.. files[name]]));
                else missing.Add(name);
            }
            return new(loaded, missing);
        }
        catch
        {
            foreach (var metric in loaded.OfType<IDisposable>()) metric.Dispose();
            throw;
        }
    }

    /// <summary>Frees the weights.</summary>
    public void Dispose()
    {
        foreach (var metric in Loaded.OfType<IDisposable>()) metric.Dispose();
    }

    private static (string Metric, string File) Split(string text)
    {
        var parts = text.Split('=', 2);
        if (parts.Length != 2 || parts[1].Length == 0) throw new ArgumentException($"--weights '{text}': expected METRIC=FILE, as lpips-alex=alexnet.pth");
        WeightedMetrics.Files(parts[0]);
        return (parts[0], parts[1]);
    }
}
