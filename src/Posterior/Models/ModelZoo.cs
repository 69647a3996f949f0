using Posterior.Torch.Weights;

namespace Posterior.Models;

/// <summary>
/// The models that are shipped: <c>NAME.safetensors</c> with its card <c>NAME.json</c> in the folder <c>$POSTERIOR_MODELS</c>, else in the first
/// folder <c>models</c> that lies in the program's folder or above it.
/// </summary>
public static class ModelZoo
{
    private const string Extension = ".safetensors";

    /// <summary>The folder; null when there is none.</summary>
    public static string? Folder
    {
        get
        {
            if (Environment.GetEnvironmentVariable("POSTERIOR_MODELS") is { Length: > 0 } chosen) return Directory.Exists(chosen) ? Path.GetFullPath(chosen) : null;
            for (var folder = new DirectoryInfo(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
            {
                var candidate = Path.Combine(folder.FullName, "models");
                if (Directory.Exists(candidate) && Directory.EnumerateFiles(candidate, "*" + Extension).Any()) return candidate;
            }
            return null;
        }
    }

    /// <summary>The names of the shipped models, in ordinal order.</summary>
    public static IReadOnlyList<string> Names => Folder is { } folder
        ? [.. Directory.EnumerateFiles(folder, "*" + Extension).Select(path => Path.GetFileNameWithoutExtension(path)).Order(StringComparer.Ordinal)]
        : [];

    /// <summary>Looks at every shipped model without reading its values; one that is damaged stops none of the others.</summary>
    public static IReadOnlyList<ShippedModel> Inspect() => Folder is { } folder ? [.. Names.Select(name => Inspect(name, Path.Combine(folder, name + Extension)))] : [];

    /// <summary>The weight file of a path or of a shipped model's name. A file of that path wins.</summary>
    /// <exception cref="ModelException">There is neither; the message names the nearest shipped model.</exception>
    public static string Find(string pathOrName)
    {
        ArgumentException.ThrowIfNullOrEmpty(pathOrName);
        if (File.Exists(pathOrName)) return pathOrName;
        if (Folder is { } folder && Path.GetFileName(pathOrName) == pathOrName && Path.Combine(folder, pathOrName + Extension) is var path && File.Exists(path)) return path;
        var names = Names;
        var known = names.Count == 0 ? "no models are installed" : $"models: {string.Join(", ", names)}";
        throw new ModelException($"'{pathOrName}': expected a weight file or the name of a model, found neither{Spelling.Suggest(pathOrName, names)} ({known})");
    }

    /// <summary>The card beside a weight file (the same name, <c>.json</c>); null when there is none.</summary>
    /// <exception cref="ModelException">It cannot be read.</exception>
    public static ModelCard? CardBeside(string weightFile) => Path.ChangeExtension(weightFile, ".json") is var path && File.Exists(path) ? ModelCard.Read(path) : null;

    private static ShippedModel Inspect(string name, string path)
    {
        try
        {
            return new(name, Model.Identify(path).Card with { Name = name }, null);
        }
        catch (WeightFileException failure)
        {
            return new(name, null, failure.Message);
        }
        catch (ModelException failure)
        {
            // Without a card it may be anything that has weights.
            return new(name, null, File.Exists(Path.ChangeExtension(path, ".json")) ? failure.Message : null);
        }
    }
}

/// <summary>A model of the folder of shipped ones.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Card">What its card and its weights tell, under that name; null for one that is damaged, or no network that is known.</param>
/// <param name="Problem">What is wrong with it, one line; null for nothing.</param>
public sealed record ShippedModel(string Name, ModelCard? Card, string? Problem);
