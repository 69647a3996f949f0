using System.IO.Enumeration;
using Posterior.Imaging;

namespace Posterior.Evaluation;

/// <summary>Two files to compare.</summary>
/// <param name="Estimate">The file that is judged.</param>
/// <param name="Truth">The true image.</param>
/// <param name="Name">What the pair is called.</param>
public readonly record struct ImagePair(string Estimate, string Truth, string Name);

/// <summary>A true image that is left over.</summary>
/// <param name="Path">Its file.</param>
/// <param name="Reason">Why it has no pair.</param>
public readonly record struct UnpairedImage(string Path, string Reason);

/// <summary>Which files are compared: two files, or the files of equal names of folders and globs.</summary>
/// <param name="Pairs">The pairs, in ordinal order of the true images.</param>
/// <param name="Unpaired">The true images that should have a partner and have none, or several.</param>
/// <param name="IsBatch">Whether folders or globs are compared.</param>
public sealed record ComparisonPlan(IReadOnlyList<ImagePair> Pairs, IReadOnlyList<UnpairedImage> Unpaired, bool IsBatch)
{
    /// <summary>Pairs two files, or the files of two folders (searched recursively) or globs by their names up to the endings; there may be estimates without a true image.</summary>
    /// <param name="estimates">A file, a folder or a glob. A glob asks only for true images whose names match it too.</param>
    /// <param name="truths">The true images, likewise.</param>
    /// <exception cref="ImageException">One is missing or empty, only one is a file, or no names are equal.</exception>
    public static ComparisonPlan Of(string estimates, string truths)
    {
        if (!IsSet(estimates) && !IsSet(truths)) return new([new(estimates, truths, Path.GetFileName(estimates))], [], false);
        foreach (var path in new[] { estimates, truths })
        {
            if (!IsSet(path)) throw new ImageException(File.Exists(path) ? $"'{path}' is a file and the other a folder; compare two files or two folders" : $"'{path}' does not exist");
        }
        using var first = (ImageFolder)ImageSource.Open(estimates);
        using var second = (ImageFolder)ImageSource.Open(truths);
        var partners = Enumerable.Range(0, first.Count).ToLookup(i => Stem(first.Name(i)));
        var (pairs, unpaired) = (new List<ImagePair>(), new List<UnpairedImage>());
        for (var i = 0; i < second.Count; i++)
        {
            var partner = partners[Stem(second.Name(i))].ToArray();
            if (partner.Length == 1) pairs.Add(new(first.FilePath(partner[0]), second.FilePath(i), first.Name(partner[0])));
            else if (partner.Length > 1) unpaired.Add(new(second.FilePath(i), $"it has several partners in '{estimates}'"));
            else if (IsAsked(second.Name(i), estimates)) unpaired.Add(new(second.FilePath(i), $"it has no partner in '{estimates}'"));
        }
        return pairs.Count + unpaired.Count > 0 ? new(pairs, unpaired, true) : throw new ImageException($"no image of '{truths}' has a partner in '{estimates}'");
    }

    private static bool IsSet(string path) => Directory.Exists(path) || (!File.Exists(path) && Path.GetFileName(path).AsSpan().ContainsAny('*', '?'));

    // A glob chooses names in one folder, whatever their endings on the other side.
    private static bool IsAsked(string truth, string estimates)
    {
        if (Directory.Exists(estimates)) return true;
        var glob = Path.GetFileName(estimates);
        return !truth.Contains('/', StringComparison.Ordinal) && (Matches(glob, truth) || Matches(Stem(glob), Stem(truth)));
    }

    private static bool Matches(string glob, string name) => FileSystemName.MatchesSimpleExpression(glob, name, ignoreCase: false);

    private static string Stem(string name) => Path.ChangeExtension(name, null);
}
