using Posterior.Imaging;
using Posterior.Metrics;
using Posterior.Operators;
using Posterior.Solvers;
using Posterior.Torch;

namespace Posterior.Evaluation.Experiments;

/// <summary>The features of an experiment's restorations, and the distances of sets that come of them.</summary>
public sealed class ExperimentFeatures
{
    private const int MostFeaturesForErrors = 512;

    private readonly IReadOnlyList<SetMetric> _metrics;
    private readonly IReadOnlyDictionary<string, FeatureNetwork> _networks;
    private readonly Dictionary<(string Network, bool Projected), FeatureLog> _logs;

    /// <summary>Opens what is known in a folder.</summary>
    /// <param name="folder">The experiment's folder.</param>
    /// <param name="metrics">The metrics with their networks; they stay the caller's.</param>
    /// <exception cref="ImageException">The folder cannot be made.</exception>
    public ExperimentFeatures(string folder, ExperimentMetrics metrics)
    {
        (_metrics, _networks) = (metrics.Sets, metrics.Networks);
        var features = Path.Combine(folder, "features");
        if (_metrics.Count > 0) OutputSet.CheckWritable(features);
        _logs = _metrics.Select(metric => (metric.Network, metric.IsProjected)).Distinct().ToDictionary(kind => kind, kind =>
            new FeatureLog(Path.Combine(features, $"{kind.Network}-{_networks[kind.Network].Sha256[..12]}{(kind.IsProjected ? "-projected" : "")}.bin"), _networks[kind.Network].Features.Count));
    }

    /// <summary>Whether all features of a restoration are there.</summary>
    /// <param name="key">The restoration's key.</param>
    public bool Has(string key) => _logs.Values.All(log => log.Has(key));

    /// <summary>Computes and keeps the features of a restoration.</summary>
    /// <param name="key">The restoration's key.</param>
    /// <param name="unit">The estimate in [0, 1].</param>
    /// <param name="signed">The estimate in [-1, 1], as the solver left it.</param>
    /// <param name="measurement">What it was restored from.</param>
    public void Take(string key, Tensor unit, Tensor signed, IMeasurement<LinearOperator> measurement)
    {
        foreach (var ((network, projected), log) in _logs)
        {
            using var scope = new Scope();
            var images = projected ? ValueRange.ToUnit(measurement.Operator.Project(signed, measurement.Data)).To(Device.Cpu).Clamp(0, 1) : unit;
            if (!log.Has(key)) log.Append(key, _networks[network].Features.Of(images));
        }
    }

    /// <summary>The distances of all methods on all tasks.</summary>
    /// <param name="experiment">The experiment.</param>
    /// <param name="rows">Its finished rows; those without features are left out.</param>
    /// <param name="cache">The cache of the originals' features; null for the user's.</param>
    /// <param name="cancellation">Stops between distances.</param>
    /// <exception cref="ImageException">An original cannot be read.</exception>
    public IReadOnlyList<SetResult> Evaluate(Experiment experiment, IReadOnlyList<ResultRow> rows, string? cache = null, CancellationToken cancellation = default)
    {
        var results = new List<SetResult>();
        if (_metrics.Count == 0) return results;
        var dataset = experiment.Reference ?? experiment.Dataset;
        using var images = new ExperimentImages(dataset);
        if (images.Count < 2) return results;
        foreach (var ofNetwork in _metrics.GroupBy(metric => metric.Network))
        {
            using var reference = ReferenceFeatures.Of(images, dataset, _networks[ofNetwork.Key], cache, cancellation);
            foreach (var metric in ofNetwork)
                foreach (var cell in rows.Where(row => _logs[(metric.Network, metric.IsProjected)].Has(row.Key)).GroupBy(row => (row.Task, row.Method)))
                {
                    cancellation.ThrowIfCancellationRequested();
                    if (Distance(metric, [.. cell], reference) is { } result) results.Add(result);
                }
        }
        return results;
    }

    private SetResult? Distance(SetMetric metric, ResultRow[] rows, FeatureSet reference)
    {
        if (rows.Length < 2) return null;
        using var scope = new Scope();
        using var noGrad = new NoGrad();
        var features = _logs[(metric.Network, metric.IsProjected)].Load([.. rows.Select(row => row.Key)]);
        var deficit = metric.IsKernel ? 0 : Math.Max(reference.Statistics.RankDeficit, Math.Max(0, features.Size(1) - (rows.Length - 1)));
        return new(rows[0].Task, rows[0].Method, metric.Name, metric.Between(features, reference), Without(metric, rows, features, reference), rows.Length, deficit);
    }

    // Restorations of one image fall into one group: images are what varies independently. In the order of their names, so that methods have the same groups.
    private static double[]? Without(SetMetric metric, ResultRow[] rows, Tensor features, FeatureSet reference)
    {
        var images = rows.Select(row => row.Image).Distinct().Order(StringComparer.Ordinal).Select((name, i) => (name, i)).ToDictionary(pair => pair.name, pair => pair.i % Jackknife.Groups, StringComparer.Ordinal);
        if (images.Count < 2 * Jackknife.Groups || (!metric.IsKernel && features.Size(1) > MostFeaturesForErrors)) return null;
        return [.. Enumerable.Range(0, Jackknife.Groups).Select(group =>
        {
            using var scope = new Scope();
            var kept = Enumerable.Range(0, rows.Length).Where(i => images[rows[i].Image] != group).Select(i => (long)i).ToArray();
            return metric.Between(features.IndexSelect(0, Tensor.From(kept, kept.Length)), reference);
        })];
    }
}
