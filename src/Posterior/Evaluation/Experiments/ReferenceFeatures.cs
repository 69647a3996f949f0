using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Posterior.Imaging;
using Posterior.Metrics;
using Posterior.Torch;
using Posterior.Torch.Weights;

namespace Posterior.Evaluation.Experiments;

/// <summary>
/// The features of a set of originals, kept in the user's cache (<c>$XDG_CACHE_HOME/posterior</c>, else <c>~/.cache/posterior</c>) by the hash of all that decides them: the images' contents, how
/// they are cut, the network's weights.
/// </summary>
public static class ReferenceFeatures
{
    private const int Batch = 16;

    /// <summary>The features of a set, from the cache or computed.</summary>
    /// <param name="images">The images.</param>
    /// <param name="dataset">How they are reduced and cut.</param>
    /// <param name="network">The network.</param>
    /// <param name="cache">The cache's folder; null for the user's. One that cannot be written is done without.</param>
    /// <param name="cancellation">Stops between batches.</param>
    /// <exception cref="ImageException">An image cannot be read.</exception>
    /// <exception cref="ArgumentException">The network does not take images of their size.</exception>
    public static FeatureSet Of(ExperimentImages images, ExperimentDataset dataset, FeatureNetwork network, string? cache = null, CancellationToken cancellation = default)
    {
        var path = (cache ?? Folder) is { } folder ? Path.Combine(folder, $"{network.Features.Name}-{Hash(images, dataset, network)[..32]}.safetensors") : null;
        if (path is not null && Read(path) is { } known) return known;
        using var scope = new Scope();
        var parts = new List<Tensor>();
        for (var i = 0; i < images.Count; i += Batch)
        {
            cancellation.ThrowIfCancellationRequested();
            using var part = new Scope();
            // Images of one size go together, others alone.
            var loaded = Enumerable.Range(i, Math.Min(Batch, images.Count - i)).Select(index => images.Load(index).Image).ToArray();
            var alike = loaded.All(image => image.Shape.SequenceEqual(loaded[0].Shape));
            parts.Add(part.Keep(alike ? network.Features.Of(Tensor.Cat(loaded, 0)) : Tensor.Cat([.. loaded.Select(network.Features.Of)], 0)));
        }
        var set = new FeatureSet(Tensor.Cat([.. parts], 0));
        if (path is not null) Write(path, set);
        return set;
    }

    private static string? Folder =>
        Environment.GetEnvironmentVariable("XDG_CACHE_HOME") is { Length: > 0 } chosen ? Path.Combine(chosen, "posterior")
        : Environment.GetFolderPath(Environment.SpecialFolder.UserProfile) is { Length: > 0 } home ? Path.Combine(home, ".cache", "posterior")
        : null;

    private static string Hash(ExperimentImages images, ExperimentDataset dataset, FeatureNetwork network)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        hash.AppendData(Encoding.UTF8.GetBytes(string.Create(CultureInfo.InvariantCulture, $"features {network.Sha256} {dataset.Size} {dataset.Shrink}\n")));
        for (var i = 0; i < images.Count; i++) hash.AppendData(Encoding.ASCII.GetBytes(images.Content(i)));
        return Convert.ToHexStringLower(hash.GetCurrentHash());
    }

    private static FeatureSet? Read(string path)
    {
        if (!File.Exists(path)) return null;
        try
        {
            using var scope = new Scope();
            using var file = WeightFile.Open(path);
            var features = file.Load("features");
            return new(features, FeatureStatistics.From(features.Size(0), file.Load("mean"), file.Load("covariance")));
        }
        catch (Exception error) when (error is WeightFileException or ArgumentException)
        {
            return null; // damaged: computed again and replaced
        }
    }

    private static void Write(string path, FeatureSet set)
    {
        try
        {
            Directory.CreateDirectory(Path.GetDirectoryName(path)!);
            SafetensorsWriter.Write(path, [("features", set.Features), ("mean", set.Statistics.Mean), ("covariance", set.Statistics.Covariance)]);
        }
        catch (Exception error) when (error is WeightFileException or IOException or UnauthorizedAccessException)
        {
            // The next run computes it again.
        }
    }
}
