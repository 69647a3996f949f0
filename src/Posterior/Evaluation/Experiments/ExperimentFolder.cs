using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;
using Posterior.Evaluation.Experiments.Report;
using Posterior.Imaging;

namespace Posterior.Evaluation.Experiments;

/// <summary>What lies in the folder of an experiment beside its results: what was run, and the tables. A report needs nothing else.</summary>
public sealed record ExperimentFolder
{
    private const string FileName = "experiment.json";

    /// <summary>The experiment that was run last.</summary>
    public required Experiment Experiment { get; init; }

    /// <summary>The number of its images.</summary>
    public int Images { get; init; }

    /// <summary>Its restorations: rows of other settings or versions in the same file are not its results.</summary>
    public required IReadOnlyList<ExperimentCell> Cells { get; init; }

    /// <summary>The distances of sets at the end of the last run.</summary>
    public IReadOnlyList<SetResult> Sets { get; init; } = [];

    /// <summary>The pictures of originals and measurements.</summary>
    public IReadOnlyList<PictureName> Pictures { get; init; } = [];

    /// <summary>Reads a folder.</summary>
    /// <exception cref="ExperimentException">It holds no experiment.</exception>
    public static ExperimentFolder Read(string folder)
    {
        var path = Path.Combine(folder, FileName);
        try
        {
            return StrictJson.Read(File.ReadAllText(path), ExperimentJson.Default.ExperimentFolder) ?? throw new ExperimentException($"'{path}' holds no experiment");
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new ExperimentException($"'{folder}' holds no experiment: {FileName} {(File.Exists(path) ? "cannot be read" : "does not exist")} ('posterior eval' makes it)");
        }
        catch (JsonException error)
        {
            throw new ExperimentException($"'{path}' is damaged: {error.Message.Split('\n')[0]}");
        }
    }

    /// <summary>The finished rows, under the names of this experiment.</summary>
    /// <param name="folder">The folder.</param>
    /// <exception cref="ImageException">The results cannot be read.</exception>
    public IReadOnlyList<ResultRow> Rows(string folder) => Named(Cells, new ResultLog(Path.Combine(folder, ResultLog.FileName)).Read());

    /// <summary>The rows of cells. A row may have been made under another name, also of its image, or for two methods of the same settings.</summary>
    internal static IReadOnlyList<ResultRow> Named(IEnumerable<ExperimentCell> cells, IReadOnlyDictionary<string, ResultRow> rows) =>
        [.. cells.Where(cell => rows.ContainsKey(cell.Key)).Select(cell => rows[cell.Key] with { Task = cell.Task, Method = cell.Method, Image = cell.Image ?? rows[cell.Key].Image })];

    /// <summary>Whether a folder has a description, that can be read, of the same restorations.</summary>
    internal bool IsIn(string folder)
    {
        try
        {
            return File.Exists(Path.Combine(folder, FileName)) && Read(folder).Cells.SequenceEqual(Cells);
        }
        catch (ExperimentException)
        {
            return false;
        }
    }

    /// <summary>Writes this alone, <c>experiment.json</c>.</summary>
    internal void WriteDescription(string folder) => AtomicFile.Write(Path.Combine(folder, FileName), stream => JsonSerializer.Serialize(stream, this, ExperimentJson.Default.ExperimentFolder));

    /// <summary>Writes this and the tables: <c>experiment.json</c>, <c>tables.md</c>, <c>tables.csv</c>, <c>report.html</c>.</summary>
    /// <param name="folder">An existing folder.</param>
    /// <param name="rows">The rows.</param>
    /// <param name="progress">Told of the share of the page's pictures that is done.</param>
    /// <returns>The Markdown.</returns>
    /// <exception cref="ImageException">A file cannot be written, or a picture not be read.</exception>
    public string Write(string folder, IReadOnlyList<ResultRow> rows, IProgress<double>? progress = null)
    {
        WriteDescription(folder);
        var tables = ResultTable.Of(Experiment, rows, Sets);
        var markdown = TableText.Markdown(Experiment, tables, Images);
        AtomicFile.Write(Path.Combine(folder, "tables.md"), stream => stream.Write(Encoding.UTF8.GetBytes(markdown)));
        AtomicFile.Write(Path.Combine(folder, "tables.csv"), stream => stream.Write(Encoding.UTF8.GetBytes(TableText.Csv(tables))));
        AtomicFile.Write(Path.Combine(folder, ReportPage.FileName), stream => ReportPage.Write(stream, folder, this, rows, tables, progress));
        return markdown;
    }
}

/// <summary>A restoration of an experiment.</summary>
/// <param name="Key">The key of its row.</param>
/// <param name="Task">The task's name in this experiment.</param>
/// <param name="Method">The method's name in this experiment.</param>
/// <param name="Image">The image's name in its set; null in folders of earlier versions.</param>
public sealed record ExperimentCell(string Key, string Task, string Method, string? Image = null);

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, WriteIndented = true, RespectNullableAnnotations = true, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(ExperimentFolder))]
internal sealed partial class ExperimentJson : JsonSerializerContext;
