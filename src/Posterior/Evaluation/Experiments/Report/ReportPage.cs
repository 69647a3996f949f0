using System.Globalization;
using System.Text;
using System.Text.Json;
using Posterior.Imaging;
using Posterior.Metrics;

namespace Posterior.Evaluation.Experiments.Report;

/// <summary>An experiment as one HTML file that needs nothing else: tables that sort, plots, pictures that enlarge and compare. Its charts are drawn by Chart.js, which it holds.</summary>
public static class ReportPage
{
    /// <summary>The name of the page in an experiment's folder.</summary>
    public const string FileName = "report.html";

    /// <summary>Writes the page.</summary>
    /// <param name="stream">Where it goes, in UTF-8.</param>
    /// <param name="folder">The experiment's folder, with its pictures.</param>
    /// <param name="description">The experiment.</param>
    /// <param name="rows">Its finished rows.</param>
    /// <param name="tables">Its tables.</param>
    /// <param name="progress">Told of the share of the pictures that is done.</param>
    /// <exception cref="ImageException">A picture cannot be read.</exception>
    public static void Write(Stream stream, string folder, ExperimentFolder description, IReadOnlyList<ResultRow> rows, IReadOnlyList<ResultTable> tables, IProgress<double>? progress = null)
    {
        var pictures = new ReportPictures(folder);
        var data = Data(description, tables, pictures.Rows(description, rows));
        using var writer = new StreamWriter(stream, new UTF8Encoding(encoderShouldEmitUTF8Identifier: false), leaveOpen: true);
        var (page, written) = (Asset("page.html"), 0);
        Until("/*style*/");
        writer.Write(Asset("page.css"));
        Until("/*library*/");
        writer.Write(Asset("chart.umd.min.js"));
        Until("/*data*/");
        // The serialiser writes < as an escape, so no text can end the element that holds it.
        writer.Write(JsonSerializer.Serialize(data, ReportJson.Default.ReportData));
        Until("/*images*/");
        writer.Write('[');
        var first = true;
        foreach (var uri in pictures.Encode(progress))
        {
            writer.Write(first ? "\n\"" : ",\n\"");
            writer.Write(uri);
            writer.Write('"');
            first = false;
        }
        writer.Write(']');
        Until("/*script*/");
        writer.Write(Asset("page.js"));
        writer.Write(page[written..]);

        void Until(string mark)
        {
            var at = page.IndexOf(mark, StringComparison.Ordinal);
            writer.Write(page[written..at]);
            written = at + mark.Length;
        }
    }

    private static ReportData Data(ExperimentFolder description, IReadOnlyList<ResultTable> tables, IReadOnlyList<ReportRow> pictures)
    {
        var experiment = description.Experiment;
        return new(
            experiment.Name,
            TableText.About(experiment, description.Images),
            experiment.Baseline,
            ReportPictures.DifferenceScale,
            ReportPictures.DeviationScale,
            tables.Count == 0 ? [] : [.. tables[0].Columns.Select(column => new ReportColumn(column.Name, column.Unit, column.HigherIsBetter, column.OfSet || MetricCatalog.IsPerceptual(column.Name)))],
            [.. tables.Where(table => table.Lines.Count > 0).Select(table => new ReportTable(table.Task, [.. table.Lines.Select(Line)]))],
            pictures);
    }

    private static ReportLine Line(ResultLine line) => new(
        line.Method, [.. line.Cells.Select(cell => new ReportCell(Number(cell.Mean), Number(cell.StandardError), cell.TiesWithBest, Difference(cell.AgainstBaseline), cell.RankDeficit))], line.Evaluations, line.Seconds, line.PeakBytes < 0 ? null : line.PeakBytes / 1e6);

    private static ReportDifference? Difference(ResultDifference? difference) => difference is null ? null : new(Number(difference.Mean), Number(difference.Interval.Low), Number(difference.Interval.High));

    private static double? Number(double value) => double.IsFinite(value) ? value : null;

    private static string Asset(string name)
    {
        using var stream = typeof(ReportPage).Assembly.GetManifestResourceStream($"report/{name}") ?? throw new InvalidOperationException(string.Create(CultureInfo.InvariantCulture, $"the assembly lacks '{name}'"));
        using var reader = new StreamReader(stream, Encoding.UTF8);
        return reader.ReadToEnd();
    }
}
