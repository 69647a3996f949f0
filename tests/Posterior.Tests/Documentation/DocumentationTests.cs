using System.Text.RegularExpressions;
using Posterior.Imaging;
using Posterior.Models;
using Posterior.Operators;
using Posterior.Solvers;

namespace Posterior.Tests.Documentation;

public sealed partial class DocumentationTests
{
    // What the compiled example of the README takes as arguments.
    private static readonly (string Literal, string Argument)[] _readme = [("\"photo\"", "prior"), ("\"small.png\"", "small"), ("\"big.png\"", "big")];

    public static TheoryData<string> Pages() => [.. Repository.Pages];

    [Theory]
    [MemberData(nameof(Pages))]
    public void Every_link_leads_somewhere(string page)
    {
        var folder = Path.GetDirectoryName(page)!;
        Assert.All(Link().Matches(Repository.Prose(page)).Select(match => match.Groups[1].Value).Where(link => !link.Contains("://", StringComparison.Ordinal)), link =>
        {
            var (target, anchor) = link.Split('#') is [var file, var heading] ? (file, heading) : (link, "");
            var path = target.Length == 0 ? page : Path.GetRelativePath(Repository.Root, Path.GetFullPath(Path.Combine(Repository.Root, folder, target)));
            Assert.True(Path.Exists(Path.Combine(Repository.Root, path)), $"{page}: '{link}' leads to no file");
            if (anchor.Length > 0) Assert.True(Repository.Anchors(path).Contains(anchor), $"{page}: '{link}' leads to no heading");
        });
    }

    [Theory]
    [MemberData(nameof(Pages))]
    public void Every_block_of_code_is_compiled_with_the_tests(string page)
    {
        var compiled = string.Join('\n', Repository.Sources("tests/Posterior.Tests/Documentation/Examples", ".cs").Select(file => Lines(File.ReadAllText(file))));
        foreach (var block in Repository.Blocks(page, "csharp"))
        {
            var text = page == "README.md" ? _readme.Aggregate(block, (code, pair) => code.Replace(pair.Literal, pair.Argument)) : block;
            Assert.True(compiled.Contains(Lines(text), StringComparison.Ordinal), $"{page}: this block is not what is compiled in Documentation/Examples:\n{block}");
        }
    }

    [Fact]
    public void The_README_holds_one_example_of_five_lines() =>
        Assert.Equal(5, Assert.Single(Repository.Blocks("README.md", "csharp")).TrimEnd().Split('\n').Length);

    [Fact]
    public void Every_operator_stands_in_the_documentation_with_its_text_form()
    {
        var page = Repository.Read("docs/operators.md");
        Assert.All(OperatorCatalog.Entries, entry => Assert.Contains($"`{entry.Pattern}`", page));
        Assert.All(OperatorCatalog.Entries, entry => Assert.Contains($"| `{entry.Name}` |", page));
    }

    [Fact]
    public void Every_solver_stands_in_the_documentation_with_its_settings()
    {
        Assert.All(SolverCatalog.All, entry => Assert.Contains($"| `{entry.Name}` |", Repository.Read("docs/guide.md")));
        var methods = Repository.Pages.Where(page => page.StartsWith("docs/methods/", StringComparison.Ordinal)).Select(Repository.Read).ToArray();
        Assert.All(SolverCatalog.All.Where(entry => entry.Options.Count > 0), entry =>
        {
            var page = Assert.Single(methods, text => text.Contains($"`{entry.Name}`", StringComparison.Ordinal) && text.Contains("## Settings", StringComparison.Ordinal));
            Assert.All(entry.Options, option => Assert.Contains($"| `{option}` |", page));
        });
    }

    [Fact]
    public void Every_network_stands_in_the_documentation() =>
        Assert.All(NetworkCatalogue.All, kind => Assert.Contains($"| `{kind.Name}` |", Repository.Read("docs/models.md")));

    [Fact]
    public void The_README_lists_every_verb_of_the_command_line()
    {
        var verbs = Verb().Matches(Repository.Read("src/Posterior.Cli/CommandLine.cs")).Select(match => match.Groups[1].Value).ToArray();
        Assert.NotEmpty(verbs);
        var table = Repository.Read("README.md").Split('\n').Where(line => line.StartsWith("| `", StringComparison.Ordinal)).ToArray();
        Assert.All(verbs, verb => Assert.Contains(table, row => Regex.IsMatch(row.Split('|')[1], $"`{verb}[` ]")));
    }

    [Fact]
    public void Every_option_that_the_documentation_names_exists()
    {
        // Those of the test runner and of every program.
        string[] foreign = ["--filter", "--help"];
        var sources = string.Join('\n', Repository.Sources("src/Posterior.Cli", ".cs").Select(File.ReadAllText));
        foreach (var page in Repository.Pages)
            Assert.All(Option().Matches(Repository.Read(page)).Select(match => match.Value).Except(foreign), option => Assert.True(sources.Contains($"\"{option}\"", StringComparison.Ordinal), $"{page}: there is no {option}"));
    }

    [Fact]
    public void Every_test_that_the_documentation_names_exists()
    {
        var known = Repository.Sources("tests", ".cs").Select(Path.GetFileNameWithoutExtension).ToHashSet();
        foreach (var page in Repository.Pages)
            Assert.All(TestName().Matches(Repository.Prose(page)), match => Assert.True(known.Contains(match.Groups[1].Value), $"{page}: there is no {match.Groups[1].Value}"));
    }

    [Fact]
    public void Every_environment_variable_that_the_documentation_names_is_read_somewhere()
    {
        var sources = string.Join('\n', Repository.Sources("src", ".cs").Concat(Repository.Sources("native", ".cpp")).Concat(Repository.Sources("tests", ".cs")).Append(Path.Combine(Repository.Root, "posterior")).Select(File.ReadAllText));
        foreach (var page in Repository.Pages)
            Assert.All(Variable().Matches(Repository.Read(page)), match => Assert.True(sources.Contains(match.Value, StringComparison.Ordinal), $"{page}: nothing reads {match.Value}"));
    }

    [Fact]
    public void The_errors_that_the_documentation_quotes_are_those_of_the_program()
    {
        var unknown = Assert.Throws<OperatorException>(() => OperatorCatalog.Parse("sr-bicubc4"));
        Assert.Contains(unknown.Message, OneLine("docs/guide.md"));
        var mislabelled = Assert.Throws<ImageException>(() => ImageFile.Decode("%PDF-1.7"u8, "a.png", out _));
        Assert.Contains(mislabelled.Message, OneLine("docs/images.md"));

        static string OneLine(string page) => Repository.Read(page).Replace('\n', ' ');
    }

    // Indentation depends on where a block stands.
    private static string Lines(string code) => string.Join('\n', code.ReplaceLineEndings("\n").Split('\n').Select(line => line.Trim())).Trim();

    [GeneratedRegex(@"\]\(([^)\s]+)\)")]
    private static partial Regex Link();

    [GeneratedRegex(@"`(\w+Tests|\w+Battery)`")]
    private static partial Regex TestName();

    [GeneratedRegex(@"\(""(\w+)"", \w+\.\w+[,)]")]
    private static partial Regex Verb();

    [GeneratedRegex(@"(?<![\w-])--[a-z][a-z-]+")]
    private static partial Regex Option();

    [GeneratedRegex(@"POSTERIOR_[A-Z]+")]
    private static partial Regex Variable();
}
