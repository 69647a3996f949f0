using Posterior.Networks.Features;
using Posterior.Torch;
using Posterior.Torch.Nn;
using Posterior.Torch.Weights;

namespace Posterior.Metrics;

/// <summary>Metrics that need published weights, which are not shipped: the user names their files.</summary>
public static class WeightedMetrics
{
    private static readonly (string Name, Func<PerceptualBackbone> Backbone, string Files)[] _all =
    [
        ("lpips-alex", PerceptualBackbone.Alex, "torchvision's AlexNet (alexnet-owt-7be5be79.pth) and LPIPS' linear layers v0.1 (alex.pth)"),
        ("lpips-vgg", PerceptualBackbone.Vgg, "torchvision's VGG16 (vgg16-397923af.pth) and LPIPS' linear layers v0.1 (vgg.pth)"),
        ("lpips-squeeze", PerceptualBackbone.Squeeze, "torchvision's SqueezeNet 1.1 (squeezenet1_1-b8a52dc0.pth) and LPIPS' linear layers v0.1 (squeeze.pth)"),
    ];

    /// <summary>The names.</summary>
    public static IReadOnlyList<string> Names { get; } = [.. _all.Select(entry => entry.Name)];

    /// <summary>The files that a metric needs, in words.</summary>
    /// <exception cref="ArgumentException">There is no such metric.</exception>
    public static string Files(string name) => Entry(name).Files;

    /// <summary>Reads a metric's weights.</summary>
    /// <param name="name">One of <see cref="Names"/>.</param>
    /// <param name="paths">Weight files that together hold the backbone's <c>features.*</c> and the linear layers <c>lin*</c>; the backbone's classifier may be there too.</param>
    /// <returns>The metric; the caller disposes it.</returns>
    /// <exception cref="ArgumentException">There is no such metric.</exception>
    /// <exception cref="WeightFileException">A file cannot be read.</exception>
    /// <exception cref="StateDictException">Weights are missing or of another shape.</exception>
    public static Lpips Load(string name, IReadOnlyList<string> paths)
    {
        var entry = Entry(name);
        using var scope = new Scope();
        Dictionary<string, Tensor> features = [], linear = [];
        foreach (var path in paths)
        {
            using var file = WeightFile.Open(path);
            foreach (var weight in file.Entries)
            {
                if (weight.Name.StartsWith("features.", StringComparison.Ordinal)) features[weight.Name] = weight.Load();
                else if (weight.Name.StartsWith("lin", StringComparison.Ordinal)) linear[weight.Name] = weight.Load();
            }
        }
        var backbone = entry.Backbone();
        try
        {
            // VGG16's file has layers behind the last feature that is compared.
            var used = backbone.NamedTensors.Select(pair => pair.Name).ToHashSet(StringComparer.Ordinal);
            backbone.LoadState(features.Where(pair => used.Contains(pair.Key)).ToDictionary());
            return new(backbone, linear);
        }
        catch
        {
            backbone.Dispose();
            throw;
        }
    }

    private static (string Name, Func<PerceptualBackbone> Backbone, string Files) Entry(string name) => _all.FirstOrDefault(entry => entry.Name == name) is { Name: not null } found
        ? found
        : throw new ArgumentException($"no metric with weights is called '{name}'{Spelling.Suggest(name, Names)} (there are {string.Join(", ", Names)})");
}
