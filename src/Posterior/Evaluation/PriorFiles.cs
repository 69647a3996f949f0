using Posterior.Models;

namespace Posterior.Evaluation;

/// <summary>The weight files behind a prior.</summary>
/// <param name="Model">The model.</param>
/// <param name="Guide">The weaker model that guides it; null for none.</param>
/// <param name="Classifier">The classifier that guides it; null for none.</param>
/// <param name="Architecture">The file that states the model's architecture; null where the model or its card tell it.</param>
public sealed record PriorFiles(string Model, string? Guide = null, string? Classifier = null, string? Architecture = null)
{
    /// <summary>Checks what can be checked without reading weights, and finds the files.</summary>
    /// <returns>Their full paths.</returns>
    /// <exception cref="ModelException">A setting is wrong, there is no such model, or a file that is to be a classifier is none.</exception>
    public static PriorFiles Find(PriorSettings settings)
    {
        settings.ParseDtype();
        settings.ParseTile();
        var problems = settings.GuidanceProblems().ToArray();
        if (problems.Length > 0) throw new ModelException(string.Join("; ", problems));
        var files = new PriorFiles(Full(settings.Model), settings.Guide is { } guide ? Full(guide) : null, settings.Classifier is { } classifier ? Full(classifier) : null,
            settings.Architecture is { } architecture ? Path.GetFullPath(architecture) : null);
        if (files.Guide is not null) Expect(files.Guide, isClassifier: false);
        if (files.Classifier is not null) Expect(files.Classifier, isClassifier: true);
        return files;

        static string Full(string pathOrName) => Path.GetFullPath(ModelZoo.Find(pathOrName));
    }

    /// <summary>The contents as one text: SHA-256 of each file in turn, and what its card says of how it is used.</summary>
    internal string Hash() => string.Join(' ', new[] { Model, Guide, Classifier, Architecture }.Select(path => path is null ? "" : FileHash.Of(path) + (path == Architecture ? null : ModelZoo.CardBeside(path)?.Meaning()))).TrimEnd();

    /// <summary>The settings with these files in place of names.</summary>
    internal PriorSettings In(PriorSettings settings) => settings with { Model = Model, Guide = Guide, Classifier = Classifier, Architecture = Architecture ?? settings.Architecture };

    // Names and shapes tell what a file is; its values are not read.
    private static void Expect(string path, bool isClassifier)
    {
        var kind = Models.Model.Identify(path).Kind.Name;
        if ((kind == NetworkCatalogue.Classifier) != isClassifier)
            throw new ModelException($"{Path.GetFileName(path)}: expected {(isClassifier ? "a classifier of noisy images" : "a denoiser")}, found a {kind}");
    }
}
