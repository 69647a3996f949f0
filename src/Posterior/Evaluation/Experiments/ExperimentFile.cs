using System.Globalization;
using Posterior.Metrics;
using Posterior.Operators;
using Posterior.Solvers;
using Posterior.Torch;
using YamlDotNet.RepresentationModel;

namespace Posterior.Evaluation.Experiments;

/// <summary>Reads an experiment from YAML and checks all that can be checked without images; docs/experiments.md describes the file.</summary>
public static class ExperimentFile
{
    private const string Labels = "labels";

    private static readonly string[] _methodNames = ["name", "solver", "model", "class", "tasks"];

    /// <summary>Reads a file.</summary>
    /// <param name="path">The file; relative paths of the dataset and of operators start from its folder, those of models from the current one.</param>
    /// <exception cref="ExperimentException">The file is missing, or something in it is wrong; the message names the line.</exception>
    public static Experiment Load(string path)
    {
        string text;
        try
        {
            if (SpecialFile.MayBe(path)) throw new ExperimentException($"experiment '{path}' is empty or not a regular file");
            text = File.ReadAllText(path);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new ExperimentException($"experiment '{path}' cannot be read: {(File.Exists(path) ? error.Message.Split('\n')[0] : "it does not exist")}");
        }
        var experiment = Parse(text, path);
        var folder = Path.GetDirectoryName(Path.GetFullPath(path))!;
        return experiment with
        {
            Dataset = Located(experiment.Dataset),
            Reference = experiment.Reference is { } reference ? Located(reference) : null,
        };

        ExperimentDataset Located(ExperimentDataset dataset) => dataset with { Path = Path.GetFullPath(dataset.Path, folder) };
    }

    /// <summary>Reads a text.</summary>
    /// <param name="text">YAML.</param>
    /// <param name="file">What messages call it.</param>
    /// <exception cref="ExperimentException">Something in it is wrong; the message names the line.</exception>
    public static Experiment Parse(string text, string file = "experiment")
    {
        var yaml = new YamlReader(file);
        var root = yaml.Document(text);
        yaml.Only(root, "name", "dataset", "reference", "model", "tasks", "methods", "metrics", "seeds", "samples", "baseline", "pictures");
        var tasks = yaml.Items(yaml.Require(root, "tasks"), "tasks").Select(node => Task(yaml, node)).ToArray();
        if (tasks.GroupBy(task => task.Name).FirstOrDefault(group => group.Count() > 1) is { } twin)
            throw yaml.Problem(yaml.Require(root, "tasks"), $"two tasks are called '{twin.Key}': give one of them another name");
        var methods = yaml.Items(yaml.Require(root, "methods"), "methods").Select(node => Method(yaml, node, tasks)).ToArray();
        foreach (var task in tasks)
        {
            if (methods.Where(method => method.Does(task)).GroupBy(method => method.Name).FirstOrDefault(group => group.Count() > 1) is { } two)
                throw yaml.Problem(yaml.Require(root, "methods"), $"two methods are called '{two.Key}' and do the task '{task.Name}': give one of them another name");
        }
        var baseline = yaml.Text(root, "baseline");
        if (baseline is not null && methods.All(method => method.Name != baseline))
            throw yaml.Problem(YamlReader.Find(root, "baseline")!, $"baseline: no method is called '{baseline}'{Spelling.Suggest(baseline, methods.Select(method => method.Name))}");
        var (prior, usesLabels) = YamlReader.Find(root, "model") is { } model ? Prior(yaml, model) : (new(), false);
        if (prior.Guidance != 1 && usesLabels && methods.Any(method => method.UsesLabels == false))
            throw yaml.Problem(yaml.Require(root, "methods"), "guidance needs a class, and a method has none");
        return new()
        {
            Name = yaml.Text(yaml.Require(root, "name"), "name"),
            Dataset = Dataset(yaml, yaml.Require(root, "dataset"), "dataset"),
            Reference = YamlReader.Find(root, "reference") is { } reference ? Dataset(yaml, reference, "reference") : null,
            Prior = prior,
            UsesLabels = usesLabels,
            Tasks = tasks,
            Methods = methods,
            Metrics = YamlReader.Find(root, "metrics") is { } metrics ? [.. yaml.Items(metrics, "metrics").Select(node => Metric(yaml, node)).Distinct()] : [],
            Seeds = YamlReader.Find(root, "seeds") is { } seeds ? [.. yaml.Items(seeds, "seeds").Select(node => Seed(yaml, node)).Distinct()] : [0],
            Samples = yaml.Whole(root, "samples", 1, 1000) ?? 1,
            Baseline = baseline,
            Pictures = yaml.Whole(root, "pictures", 0, int.MaxValue) ?? 4,
        };
    }

    private static ExperimentDataset Dataset(YamlReader yaml, YamlNode node, string name)
    {
        if (node is YamlScalarNode) return new() { Path = yaml.Text(node, name) };
        var map = yaml.Map(node, name);
        yaml.Only(map, "path", "images", "size", "shrink");
        return new()
        {
            Path = yaml.Text(yaml.Require(map, "path"), "path"),
            Images = yaml.Whole(map, "images", 1, int.MaxValue),
            Size = yaml.Whole(map, "size", 1, 65536),
            Shrink = yaml.Whole(map, "shrink", 1, 64) ?? 1,
        };
    }

    private static (PriorSettings Settings, bool UsesLabels) Prior(YamlReader yaml, YamlNode node)
    {
        if (node is YamlScalarNode) return (new() { Model = yaml.Text(node, "model") }, false);
        var map = yaml.Map(node, "model");
        yaml.Only(map, "name", "dtype", "class", "guidance");
        // Each image has the class that its set gives it; in the checks of guidance class 0 stands for them.
        var usesLabels = yaml.Text(map, "class") == Labels;
        var settings = new PriorSettings
        {
            Model = yaml.Text(yaml.Require(map, "name"), "name"),
            Dtype = yaml.Text(map, "dtype") ?? "f32",
            Class = usesLabels ? null : yaml.Whole(map, "class", 0, int.MaxValue),
            Guidance = yaml.Number(map, "guidance") ?? 1,
        };
        if (usesLabels && settings.Guidance != 1) settings = settings with { Class = 0 };
        return yaml.At(node, () =>
        {
            settings.ParseDtype();
            if (settings.GuidanceProblems().FirstOrDefault() is { } problem) throw yaml.Problem(node, $"model: {problem}");
            return (settings, usesLabels);
        });
    }

    private static ExperimentTask Task(YamlReader yaml, YamlNode node)
    {
        if (node is YamlScalarNode)
        {
            var text = yaml.Text(node, "tasks");
            yaml.At(node, () => OperatorCatalog.Parse(text));
            return new() { Name = text, Operator = text };
        }
        var map = yaml.Map(node, "tasks");
        yaml.Only(map, "name", "operator", "sigma", "told-sigma", "jpeg", "each-image");
        var named = yaml.Require(map, "operator");
        var op = yaml.Text(named, "operator");
        var spec = yaml.At(named, () => OperatorCatalog.Parse(op));
        var each = yaml.Flag(map, "each-image");
        if (each && spec is not FamilySpec) throw yaml.Problem(named, $"each-image: '{op}' is no random family");
        var (sigma, told, jpeg) = (Sigma(yaml, map, "sigma") ?? 0, Sigma(yaml, map, "told-sigma"), yaml.Whole(map, "jpeg", 1, 100));
        var name = op + (sigma > 0 ? string.Create(CultureInfo.InvariantCulture, $", sigma {sigma:0.####}") : "") + (jpeg is { } quality ? string.Create(CultureInfo.InvariantCulture, $", JPEG {quality}") : "");
        return new() { Name = yaml.Text(map, "name") ?? name, Operator = op, EachImage = each, Sigma = sigma, ToldSigma = told, JpegQuality = jpeg };
    }

    private static double? Sigma(YamlReader yaml, YamlMappingNode map, string name) =>
        YamlReader.Find(map, name) is { } node ? yaml.At(node, () => RestorationSettings.ParseSigma(yaml.Text(node, name)) ?? throw new ExperimentException("auto is no level here")) : null;

    private static string Metric(YamlReader yaml, YamlNode node)
    {
        var (name, names) = (yaml.Text(node, "metrics"), MetricCatalog.Names);
        return names.Contains(name) || SetMetric.TryParse(name) is not null || FeatureDistance.NetworkOf(name) is not null ? name : throw yaml.Problem(node, $"no metric is called '{name}'{Spelling.Suggest(name, names)} (there are {string.Join(", ", names)})");
    }

    private static ulong Seed(YamlReader yaml, YamlNode node) =>
        ulong.TryParse((node as YamlScalarNode)?.Value, NumberStyles.None, CultureInfo.InvariantCulture, out var seed) ? seed : throw yaml.Problem(node, $"seeds: expected whole numbers from 0, found '{node}'");

    private static ExperimentMethod Method(YamlReader yaml, YamlNode node, ExperimentTask[] tasks)
    {
        if (node is YamlScalarNode)
        {
            var text = yaml.Text(node, "methods");
            yaml.At(node, () => SolverCatalog.Create(text));
            return new() { Name = text, Solver = text };
        }
        var map = yaml.Map(node, "methods");
        var named = yaml.Require(map, "solver");
        var solver = yaml.Text(named, "solver");
        var entry = yaml.At(named, () => SolverCatalog.Find(solver));
        yaml.Only(map, [.. _methodNames, .. entry.Options]);
        var settings = yaml.At(node, () =>
        {
            var read = Settings(yaml, map);
            entry.Create(read);
            return read;
        });
        bool? usesLabels = yaml.Text(map, "class") switch
        {
            null => null,
            Labels => true,
            "none" => false,
            var other => throw yaml.Problem(YamlReader.Find(map, "class")!, $"class: expected {Labels} (of the dataset) or none, found '{other}'"),
        };
        var chosen = YamlReader.Find(map, "tasks") is { } list ? yaml.Items(list, "tasks").Select(item => KnownTask(yaml, item, tasks)).ToArray() : null;
        return new() { Name = yaml.Text(map, "name") ?? solver, Solver = solver, Model = yaml.Text(map, "model"), Settings = settings, UsesLabels = usesLabels, Tasks = chosen };
    }

    // The names in YAML are those of the command line.
    private static SolverSettings Settings(YamlReader yaml, YamlMappingNode map)
    {
        var settings = new SolverSettings();
        foreach (var (key, value) in map.Children)
        {
            var name = ((YamlScalarNode)key).Value!;
            if (!_methodNames.Contains(name)) settings = settings.With(name, yaml.Text(value, name));
        }
        return settings;
    }

    private static string KnownTask(YamlReader yaml, YamlNode node, ExperimentTask[] tasks)
    {
        var name = yaml.Text(node, "tasks");
        return tasks.Any(task => task.Name == name) ? name : throw yaml.Problem(node, $"no task is called '{name}'{Spelling.Suggest(name, tasks.Select(task => task.Name))}");
    }
}
