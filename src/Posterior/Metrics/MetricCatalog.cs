namespace Posterior.Metrics;

/// <summary>The metrics that compare an estimate with the truth, by name: one line each.</summary>
public static class MetricCatalog
{
    /// <summary>The metrics.</summary>
    public static IReadOnlyList<IMetric> All { get; } =
    [
        new Psnr(),
        new Ssim(),
        new Ssim(SsimVariant.ReflectFull),
        new Ssim(SsimVariant.ZeroPad),
        new Ssim(SsimVariant.Uniform7),
        new LumaMetric(new Psnr()),
        new LumaMetric(new Ssim()),
        new MeanSquaredError(),
        new NormalisedMeanSquaredError(),
        new LogSpectralDistance(),
    ];

    /// <summary>The names of all metrics, those of <see cref="WeightedMetrics"/>, <see cref="FeatureDistance"/> and <see cref="SetMetric"/> included.</summary>
    public static IReadOnlyList<string> Names { get; } = [.. All.Select(metric => metric.Name), .. WeightedMetrics.Names, .. FeatureDistance.Names, .. SetMetric.Names];

    /// <summary>Whether a metric of single images is a distance of a network's features: a pure number, of perception rather than distortion, the lower the better.</summary>
    public static bool IsPerceptual(string name) => WeightedMetrics.Names.Contains(name) || FeatureDistance.NetworkOf(name) is not null;

    /// <summary>The metric of a name, one that needs no weights.</summary>
    /// <exception cref="ArgumentException">There is none; the nearest one is suggested.</exception>
    public static IMetric Find(string name)
    {
        var names = All.Select(metric => metric.Name).ToArray();
        return All.FirstOrDefault(metric => metric.Name == name)
            ?? throw new ArgumentException($"no metric is called '{name}'{Spelling.Suggest(name, names)} (there are {string.Join(", ", names)})");
    }
}
