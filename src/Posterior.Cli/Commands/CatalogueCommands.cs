using System.CommandLine;
using System.Globalization;
using System.Text.Json.Nodes;
using Posterior.Diffusion;
using Posterior.Models;
using Posterior.Operators;
using Posterior.Solvers;

namespace Posterior.Cli.Commands;

/// <summary><c>posterior operators</c>, <c>solvers</c>, <c>samplers</c> and <c>models</c>: what there is.</summary>
internal static class CatalogueCommands
{
    public static Command Operators() => Create("operators", "Lists the operators with their text forms.", ["form", "example", "description"],
        () => [.. OperatorCatalog.Entries.Select(entry => (string[])[entry.Pattern, entry.Example, entry.Description])]);

    public static Command Solvers() => Create("solvers", "Lists the solvers with what they need and their settings.", ["name", "evaluations", "noise", "needs", "settings", "description", "paper"],
        () => [.. SolverCatalog.All.Select(Row)]);

    public static Command Samplers() => Create("samplers", "Lists the samplers of a prior alone with their settings.", ["name", "settings", "description", "paper"],
        () => [.. SamplerCatalog.All.Select(entry => (string[])[entry.Name, string.Join(", ", entry.Options), entry.Description, entry.Paper])]);

    public static Command Models() => Create("models", "Lists the shipped models.", json =>
    {
        var models = ModelZoo.Inspect();
        var damaged = models.Where(model => model.Problem is not null).ToArray();
        if (json || damaged.Length == 0 || damaged.Length < models.Count) Print("models", ["name", "network", "channels", "classes", "description"], [.. models.Select(model => model.Card).OfType<ModelCard>().Select(Row)], json);
        foreach (var model in damaged) Terminal.Problem(model.Problem!);
        return damaged.Length == 0 ? 0 : 1;
    });

    private static string[] Row(SolverEntry entry) =>
    [
        entry.Name, string.Create(CultureInfo.InvariantCulture, $"{entry.Default.Evaluations}"), entry.Default.HandlesNoise ? "yes" : "no", entry.Needs,
        entry.Settings.Count == 0 ? "none" : string.Join(", ", entry.Settings.Select(setting => $"{setting.Name}={setting.Default}")), entry.Description, entry.Paper,
    ];

    private static string[] Row(ModelCard card) => [card.Name ?? "", card.Network ?? "", $"{card.Channels}", $"{card.ClassCount ?? 0}", card.Description ?? ""];

    private static Command Create(string name, string description, string[] headers, Func<IReadOnlyList<string[]>> rows) => Create(name, description, json =>
    {
        Print(name, headers, rows(), json);
        return 0;
    });

    private static Command Create(string name, string description, Func<bool, int> list)
    {
        var json = Options.Json();
        var command = new Command(name, description) { json };
        command.SetAction(parsed => list(parsed.GetValue(json)));
        return command;
    }

    private static void Print(string name, string[] headers, IReadOnlyList<string[]> rows, bool json)
    {
        if (json)
            Terminal.Line(new JsonArray([.. rows.Select(row => new JsonObject(headers.Zip(row, (header, cell) => KeyValuePair.Create(header, (JsonNode?)JsonValue.Create(cell)))))]).ToJsonString(new() { WriteIndented = true }));
        else if (rows.Count == 0) Terminal.Line($"no {name} found (POSTERIOR_MODELS may name their folder)");
        else Terminal.Table(headers, rows);
    }
}
