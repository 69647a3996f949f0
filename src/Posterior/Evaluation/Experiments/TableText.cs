using System.Globalization;
using System.Text;

namespace Posterior.Evaluation.Experiments;

/// <summary>Tables as Markdown and CSV.</summary>
public static class TableText
{
    /// <summary>An experiment's results in Markdown: for each metric one table of methods by tasks, then one table a task with everything.</summary>
    /// <param name="experiment">The experiment.</param>
    /// <param name="tables">Its tables.</param>
    /// <param name="images">The number of images of the whole experiment.</param>
    public static string Markdown(Experiment experiment, IReadOnlyList<ResultTable> tables, int images)
    {
        var text = new StringBuilder();
        text.AppendLine(CultureInfo.InvariantCulture, $"# {experiment.Name}").AppendLine();
        text.AppendLine($"{About(experiment, images)} Mean ± standard error over images. **Bold** is best or tied with the best (95% bootstrap interval of the paired difference).").AppendLine();
        if (tables.Count > 1)
        {
            foreach (var (name, column) in experiment.Metrics.Select((name, column) => (name, column))) Matrix(text, name, column, tables);
        }
        foreach (var table in tables.Where(table => table.Lines.Count > 0)) Table(text, table, experiment.Baseline);
        return text.ToString();
    }

    /// <summary>What an experiment was done with, in a sentence.</summary>
    /// <param name="experiment">The experiment.</param>
    /// <param name="images">The number of its images.</param>
    public static string About(Experiment experiment, int images)
    {
        var cut = (experiment.Dataset.Size is { } size ? string.Create(CultureInfo.InvariantCulture, $", centre {size}x{size}") : "") + (experiment.Dataset.Shrink > 1 ? string.Create(CultureInfo.InvariantCulture, $" after a reduction by {experiment.Dataset.Shrink}") : "");
        var model = $"model `{experiment.Prior.Model}`{(experiment.UsesLabels ? " told the class of each image" : experiment.Prior.Class is { } label ? string.Create(CultureInfo.InvariantCulture, $" told the class {label}") : "")}{(experiment.Prior.Guidance == 1 ? "" : string.Create(CultureInfo.InvariantCulture, $", guidance {experiment.Prior.Guidance}"))}";
        foreach (var own in experiment.Methods.Where(method => method.Model is not null).GroupBy(method => method.Model)) model += $", `{own.Key}` for {string.Join(", ", own.Select(method => method.Name))}";
        return string.Create(CultureInfo.InvariantCulture, $"{images} images{cut}, {model}, seed {string.Join(", ", experiment.Seeds)}, {experiment.Samples} {(experiment.Samples == 1 ? "restoration" : "restorations")} of each measurement.");
    }

    /// <summary>All numbers, a line for each task, method and metric.</summary>
    public static string Csv(IReadOnlyList<ResultTable> tables)
    {
        var text = new StringBuilder("task,method,images,metric,mean,standard_error,best,tied,difference,difference_low,difference_high,evaluations,seconds,peak_bytes\n");
        foreach (var table in tables)
            foreach (var line in table.Lines)
                for (var c = 0; c < table.Columns.Count; c++)
                {
                    var (cell, against) = (line.Cells[c], line.Cells[c].AgainstBaseline);
                    text.AppendLine(string.Join(',', Quote(table.Task), Quote(line.Method), line.Images, table.Columns[c].Name, Number(cell.Mean), Number(cell.StandardError), cell.IsBest ? 1 : 0, cell.TiesWithBest ? 1 : 0,
                        Number(against?.Mean), Number(against?.Interval.Low), Number(against?.Interval.High), Number(line.Evaluations), Number(line.Seconds), line.PeakBytes.ToString(CultureInfo.InvariantCulture)));
                }
        return text.ToString();
    }

    private static void Matrix(StringBuilder text, string name, int column, IReadOnlyList<ResultTable> tables)
    {
        var methods = tables.SelectMany(table => table.Lines).Select(line => line.Method).Distinct().ToArray();
        text.AppendLine(CultureInfo.InvariantCulture, $"## {Title(tables[0].Columns[column])}").AppendLine();
        text.AppendLine($"| method | {string.Join(" | ", tables.Select(table => table.Task))} |");
        text.AppendLine($"|---|{string.Concat(Enumerable.Repeat("---|", tables.Count))}");
        foreach (var method in methods)
            text.AppendLine($"| {method} | {string.Join(" | ", tables.Select(table => table.Lines.FirstOrDefault(line => line.Method == method) is { } line ? Marked(line.Cells[column], withError: false) : ""))} |");
        text.AppendLine();
    }

    private static void Table(StringBuilder text, ResultTable table, string? baseline)
    {
        text.AppendLine(CultureInfo.InvariantCulture, $"## {table.Task}").AppendLine();
        var differences = baseline is null ? [] : table.Columns.Select((column, c) => (column, c)).Where(pair => table.Lines.Any(line => line.Cells[pair.c].AgainstBaseline is not null)).ToArray();
        text.AppendLine($"| method | {string.Join(" | ", table.Columns.Select(Title))} |{string.Concat(differences.Select(pair => $" {pair.column.Name} - {baseline} [95%] |"))} evaluations | seconds | peak MB |");
        text.AppendLine($"|---|{string.Concat(Enumerable.Repeat("---|", table.Columns.Count + differences.Length + 3))}");
        foreach (var line in table.Lines)
        {
            var cells = line.Cells.Select(cell => Marked(cell, withError: true));
            var against = differences.Select(pair => line.Cells[pair.c].AgainstBaseline is { } d ? $"{Signed(d.Mean)} [{Signed(d.Interval.Low)}, {Signed(d.Interval.High)}]" : "");
            text.AppendLine($"| {string.Join(" | ", [line.Method, .. cells, .. against, Short(line.Evaluations), Short(line.Seconds), line.PeakBytes < 0 ? "" : Short(line.PeakBytes / 1e6)])} |");
        }
        text.AppendLine();
        foreach (var (column, c) in table.Columns.Select((column, c) => (column, c)))
            if (table.Lines.Max(line => line.Cells[c].RankDeficit) is > 0 and var deficit) text.AppendLine(Deficit(column.Name, deficit)).AppendLine();
    }

    /// <summary>What too few images mean for a Frechet distance, in a sentence.</summary>
    internal static string Deficit(string metric, long deficit) =>
        string.Create(CultureInfo.InvariantCulture, $"{metric}: fewer images than it needs, the covariance of its features lacks {deficit} of its ranks; the values are too large and compare only among equal numbers of images.");

    private static string Title(ResultColumn column) => column.Name + (column.Unit.Length > 0 ? $" ({column.Unit})" : "") + column.HigherIsBetter switch { true => " ↑", false => " ↓", null => "" };

    private static string Marked(ResultCell cell, bool withError)
    {
        var text = Short(cell.Mean) + (withError && double.IsFinite(cell.StandardError) ? $" ± {Short(cell.StandardError)}" : "");
        return cell.TiesWithBest ? $"**{text}**" : text;
    }

    // Two decimals for decibels, more for small numbers.
    private static string Short(double value) => !double.IsFinite(value) ? "-" : Math.Abs(value) switch
    {
        0 => "0",
        >= 100 => value.ToString("0", CultureInfo.InvariantCulture),
        >= 1 => value.ToString("0.00", CultureInfo.InvariantCulture),
        >= 0.01 => value.ToString("0.000", CultureInfo.InvariantCulture),
        _ => value.ToString("0.0e+0", CultureInfo.InvariantCulture),
    };

    private static string Signed(double value) => (value >= 0 ? "+" : "") + Short(value);

    private static string Number(double? value) => value is { } number ? number.ToString("R", CultureInfo.InvariantCulture) : "";

    private static string Quote(string text) => text.AsSpan().ContainsAny(',', '"', '\n') ? $"\"{text.Replace("\"", "\"\"")}\"" : text;
}
