using System.Text.RegularExpressions;

namespace Posterior.Tests.Documentation;

/// <summary>The checkout that the tests were built from, and its pages.</summary>
internal static partial class Repository
{
    private static readonly Lazy<string> _root = new(FindRoot);

    /// <summary>The folder of the solution.</summary>
    public static string Root => _root.Value;

    /// <summary>The README, the changelog and everything below <c>docs</c>, relative to the root.</summary>
    public static IEnumerable<string> Pages =>
        Directory.EnumerateFiles(Path.Combine(Root, "docs"), "*.md", SearchOption.AllDirectories)
            .Select(path => Path.GetRelativePath(Root, path).Replace('\\', '/'))
            .Concat(["README.md", "CHANGELOG.md"])
            .Order(StringComparer.Ordinal);

    /// <summary>A file's text.</summary>
    public static string Read(string path) => File.ReadAllText(Path.Combine(Root, path)).ReplaceLineEndings("\n");

    /// <summary>All files of some endings below a folder, without what was built.</summary>
    public static IEnumerable<string> Sources(string folder, params string[] extensions) =>
        Directory.EnumerateFiles(Path.Combine(Root, folder), "*", SearchOption.AllDirectories)
            .Where(path => extensions.Contains(Path.GetExtension(path)) && !Built().IsMatch(path));

    /// <summary>The fenced blocks of a page that are marked as a language.</summary>
    public static IEnumerable<string> Blocks(string page, string language) =>
        Fence().Matches(Read(page)).Where(match => match.Groups[1].Value == language).Select(match => match.Groups[2].Value);

    /// <summary>A page without its fenced blocks, where brackets are no links.</summary>
    public static string Prose(string page) => Fence().Replace(Read(page), "");

    /// <summary>The anchors of a page's headings, as GitHub forms them.</summary>
    public static IEnumerable<string> Anchors(string page) =>
        Heading().Matches(Prose(page)).Select(match => NoAnchor().Replace(match.Groups[1].Value.Trim().ToLowerInvariant(), "").Replace(' ', '-'));

    private static string FindRoot()
    {
        for (var folder = new DirectoryInfo(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            if (File.Exists(Path.Combine(folder.FullName, "Posterior.slnx"))) return folder.FullName;
        }

        throw new DirectoryNotFoundException($"no folder above '{AppContext.BaseDirectory}' holds Posterior.slnx");
    }

    [GeneratedRegex(@"^```(\w*)\n(.*?)^```", RegexOptions.Multiline | RegexOptions.Singleline)]
    private static partial Regex Fence();

    [GeneratedRegex(@"^#+ (.+)$", RegexOptions.Multiline)]
    private static partial Regex Heading();

    [GeneratedRegex(@"[^\w\- ]")]
    private static partial Regex NoAnchor();

    [GeneratedRegex(@"[/\\](bin|obj|native[/\\]build)[/\\]")]
    private static partial Regex Built();
}
