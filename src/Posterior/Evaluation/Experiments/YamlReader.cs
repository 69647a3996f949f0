using System.Globalization;
using YamlDotNet.Core;
using YamlDotNet.RepresentationModel;

namespace Posterior.Evaluation.Experiments;

/// <summary>Reads YAML nodes with messages that name the file and the line. Every key of a mapping must be asked for.</summary>
/// <param name="file">What messages call the file.</param>
internal sealed class YamlReader(string file)
{
    // Far more than an experiment has; the library's own recursion ends the process some thousands of levels further down.
    private const int MostLevels = 50;

    /// <summary>The mapping at the top of a document.</summary>
    public YamlMappingNode Document(string text)
    {
        var stream = new YamlStream();
        try
        {
            RequireFlat(text);
            stream.Load(new StringReader(text));
        }
        catch (YamlException error)
        {
            throw new ExperimentException($"{file}, line {error.Start.Line}: {error.Message.Split('\n')[0]}");
        }
        catch (InvalidOperationException)
        {
            // The parser's answer to some documents that end too early.
            throw new ExperimentException($"{file}, line {text.Count(c => c == '\n') + 1}: expected more: a bracket or a quotation is open");
        }
        return stream.Documents is [{ RootNode: YamlMappingNode root }] ? root : throw new ExperimentException($"{file}: expected one document of names and values");
    }

    private void RequireFlat(string text)
    {
        var parser = new Parser(new StringReader(text));
        var level = 0;
        while (parser.MoveNext())
        {
            level += parser.Current!.NestingIncrease;
            if (level > MostLevels) throw new ExperimentException($"{file}, line {parser.Current.Start.Line}: lists and names lie more than {MostLevels} deep in each other");
        }
    }

    /// <summary>A failure at a node.</summary>
    public ExperimentException Problem(YamlNode node, string message) => new($"{file}, line {node.Start.Line.ToString(CultureInfo.InvariantCulture)}: {message}");

    /// <summary>Refuses keys that nobody asks for.</summary>
    public void Only(YamlMappingNode map, params IReadOnlyList<string> names)
    {
        foreach (var key in map.Children.Keys)
        {
            var name = (key as YamlScalarNode)?.Value ?? "";
            if (!names.Contains(name)) throw Problem(key, $"unknown name '{name}'{Spelling.Suggest(name, names)} (known: {string.Join(", ", names)})");
        }
    }

    /// <summary>A value by name; null where it is absent.</summary>
    public static YamlNode? Find(YamlMappingNode map, string name) => map.Children.TryGetValue(new YamlScalarNode(name), out var node) ? node : null;

    /// <summary>A value that must be there.</summary>
    public YamlNode Require(YamlMappingNode map, string name) => Find(map, name) ?? throw Problem(map, $"'{name}' is missing");

    /// <summary>A text.</summary>
    public string Text(YamlNode node, string name) => node is YamlScalarNode { Value: { Length: > 0 } text } ? text : throw Problem(node, $"{name}: expected a text");

    /// <summary>A text that may be absent.</summary>
    public string? Text(YamlMappingNode map, string name) => Find(map, name) is { } node ? Text(node, name) : null;

    /// <summary>yes or no; no where it is absent.</summary>
    public bool Flag(YamlMappingNode map, string name) => Find(map, name) is not { } node ? false : (node as YamlScalarNode)?.Value switch
    {
        "yes" or "true" => true,
        "no" or "false" => false,
        _ => throw Problem(node, $"{name}: expected yes or no, found '{node}'"),
    };

    /// <summary>A whole number in an interval; null where it is absent.</summary>
    public int? Whole(YamlMappingNode map, string name, int low, int high)
    {
        if (Find(map, name) is not { } node) return null;
        return int.TryParse((node as YamlScalarNode)?.Value, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var value) && value >= low && value <= high
            ? value
            : throw Problem(node, string.Create(CultureInfo.InvariantCulture, $"{name}: expected a whole number from {low} to {high}, found '{node}'"));
    }

    /// <summary>A finite number; null where it is absent.</summary>
    public double? Number(YamlMappingNode map, string name)
    {
        if (Find(map, name) is not { } node) return null;
        return double.TryParse((node as YamlScalarNode)?.Value, NumberStyles.Float, CultureInfo.InvariantCulture, out var value) && double.IsFinite(value) ? value : throw Problem(node, $"{name}: expected a number, found '{node}'");
    }

    /// <summary>The items of a list; one value stands for a list of one.</summary>
    public IReadOnlyList<YamlNode> Items(YamlNode node, string name) => node switch
    {
        YamlSequenceNode { Children.Count: > 0 } list => [.. list.Children],
        YamlScalarNode => [node],
        YamlSequenceNode => throw Problem(node, $"{name}: expected one item or more, found an empty list"),
        _ => throw Problem(node, $"{name}: expected a list"),
    };

    /// <summary>A mapping.</summary>
    public YamlMappingNode Map(YamlNode node, string name) => node as YamlMappingNode ?? throw Problem(node, $"{name}: expected names and values");

    /// <summary>Runs a check whose failure belongs to a node.</summary>
    public T At<T>(YamlNode node, Func<T> check)
    {
        try
        {
            return check();
        }
        catch (Exception error) when (error is not ExperimentException and not OperationCanceledException)
        {
            throw Problem(node, error.Message.Split('\n')[0]);
        }
    }
}
