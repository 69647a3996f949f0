using Posterior.Torch;

namespace Posterior.Metrics;

/// <summary>A distance between a set of restorations and a set of originals on a network's features: a number for a whole set, not for an image.</summary>
/// <param name="Name">The name in tables: <c>fid</c>, <c>kid</c> and <c>c-fid</c> on Inception, on any other network <c>frechet-NETWORK</c>, <c>kernel-NETWORK</c> and <c>c-frechet-NETWORK</c>.</param>
/// <param name="Network">The network whose features it takes: <c>inception</c>, or another name.</param>
/// <param name="IsKernel">Whether it is the <see cref="KernelDistance"/> rather than the Frechet distance.</param>
/// <param name="IsProjected">Whether it takes the restorations' back projections <c>P(x) = x - H^+(H x - y)</c> in their place (C-FID of InvFussion).</param>
public sealed record SetMetric(string Name, string Network, bool IsKernel = false, bool IsProjected = false)
{
    /// <summary>The network of the FID.</summary>
    public const string Inception = "inception";

    /// <summary>The shipped classifier of thumbnails.</summary>
    public const string Thumbnails = "thumb32";

    private const string Frechet = "frechet-", Kernel = "kernel-", Projected = "c-";

    // Papers report the kernel distance in thousandths.
    private const double KernelScale = 1000;

    /// <summary>The names of those whose networks are known; others have the same form.</summary>
    public static IReadOnlyList<string> Names { get; } = ["fid", "kid", "c-fid", Frechet + Thumbnails, Kernel + Thumbnails, Projected + Frechet + Thumbnails];

    /// <summary>The unit: thousandths for a kernel distance.</summary>
    public string Unit => IsKernel ? "x1000" : "";

    /// <summary>The metric of a name; null where it is none of a set.</summary>
    public static SetMetric? TryParse(string name) => name switch
    {
        "fid" => new(name, Inception),
        "kid" => new(name, Inception, IsKernel: true),
        "c-fid" => new(name, Inception, IsProjected: true),
        _ when Rest(name, Frechet) is { } network => new(name, network),
        _ when Rest(name, Kernel) is { } network => new(name, network, IsKernel: true),
        _ when Rest(name, Projected + Frechet) is { } network => new(name, network, IsProjected: true),
        _ => null,
    };

    /// <summary>The distance of a set to a reference.</summary>
    /// <param name="features"><c>[n, d]</c>, n at least 2.</param>
    /// <param name="reference">The reference.</param>
    /// <exception cref="ArgumentException">There are fewer than two vectors, or their length is another.</exception>
    public double Between(Tensor features, FeatureSet reference)
    {
        if (IsKernel) return KernelScale * KernelDistance.Of(features, reference.Features);
        using var statistics = FeatureStatistics.Of(features);
        return statistics.FrechetDistance(reference.Statistics);
    }

    private static string? Rest(string name, string prefix) => name.StartsWith(prefix, StringComparison.Ordinal) && name.Length > prefix.Length ? name[prefix.Length..] : null;
}
