using System.Text.Json.Serialization;

namespace Posterior.Evaluation.Experiments.Report;

/// <summary>What the report's page shows, without the pictures themselves. Numbers that are none are null: JSON has no other word for them.</summary>
internal sealed record ReportData(
    string Title, string About, string? Baseline, int DifferenceScale, int DeviationScale, IReadOnlyList<ReportColumn> Columns, IReadOnlyList<ReportTable> Tables, IReadOnlyList<ReportRow> Pictures);

/// <summary>A column. One is perceptual where it compares features rather than pixels.</summary>
internal sealed record ReportColumn(string Name, string Unit, bool? Higher, bool Perceptual);

/// <summary>The results of a task.</summary>
internal sealed record ReportTable(string Task, IReadOnlyList<ReportLine> Lines);

/// <summary>A method's results. Peak is in megabytes.</summary>
internal sealed record ReportLine(string Method, IReadOnlyList<ReportCell> Cells, double Evaluations, double Seconds, double? Peak);

/// <summary>One value.</summary>
internal sealed record ReportCell(double? Mean, double? Error, bool Tied, ReportDifference? Against, long Deficit);

/// <summary>A paired difference to the baseline with its interval.</summary>
internal sealed record ReportDifference(double? Mean, double? Low, double? High);

/// <summary>The pictures of one image of a task.</summary>
internal sealed record ReportRow(string Image, string Task, ReportPicture? Original, ReportPicture? Measurement, IReadOnlyList<ReportRestoration> Methods);

/// <summary>The pictures of one restoration.</summary>
internal sealed record ReportRestoration(string Name, ReportPicture? Restored, ReportPicture? Difference, ReportPicture? Deviation);

/// <summary>A picture: its place in the page's list, and its size in pixels before any reduction.</summary>
internal sealed record ReportPicture(int Source, long Width, long Height);

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase)]
[JsonSerializable(typeof(ReportData))]
internal sealed partial class ReportJson : JsonSerializerContext;
