using Posterior.Metrics;

namespace Posterior.Evaluation.Experiments;

/// <summary>The results of one task: a line a method, a column a metric.</summary>
/// <param name="Task">The task's name.</param>
/// <param name="Columns">The metrics.</param>
/// <param name="Lines">The methods, in the experiment's order.</param>
public sealed record ResultTable(string Task, IReadOnlyList<ResultColumn> Columns, IReadOnlyList<ResultLine> Lines)
{
    /// <summary>The column of <see cref="ResultRow.Consistency"/>.</summary>
    public const string Consistency = "residual";

    /// <summary>The tables of an experiment's rows, a task each. Values of one image (seeds, samples) are averaged first: images are what varies independently.</summary>
    /// <param name="experiment">The experiment.</param>
    /// <param name="rows">Its rows.</param>
    /// <param name="sets">Its distances of sets.</param>
    public static IReadOnlyList<ResultTable> Of(Experiment experiment, IReadOnlyList<ResultRow> rows, IReadOnlyList<SetResult> sets)
    {
        ResultColumn[] columns = [.. experiment.Metrics.Select(Column), new(Consistency, "", null)];
        return [.. experiment.Tasks.Select(task => Of(experiment, task, columns, [.. rows.Where(row => row.Task == task.Name)], [.. sets.Where(set => set.Task == task.Name)]))];
    }

    private static ResultColumn Column(string name)
    {
        if (MetricCatalog.IsPerceptual(name)) return new(name, "", false);
        if (SetMetric.TryParse(name) is { } set) return new(name, set.Unit, false, OfSet: true);
        var metric = MetricCatalog.Find(name);
        return new(metric.Name, metric.Unit, metric.HigherIsBetter);
    }

    private static ResultTable Of(Experiment experiment, ExperimentTask task, ResultColumn[] columns, ResultRow[] rows, SetResult[] sets)
    {
        var methods = experiment.Methods.Where(method => method.Does(task)).Select(method => method.Name).Where(name => rows.Any(row => row.Method == name)).ToArray();
        // By method and column: the value of each image.
        var values = methods.ToDictionary(name => name, name => columns.Select(column => PerImage(rows.Where(row => row.Method == name), column.Name)).ToArray());
        var lines = methods.Select(name =>
        {
            var own = rows.Where(row => row.Method == name).ToArray();
            var cells = columns.Select((column, c) => column.OfSet ? Cell(name, experiment.Baseline, [.. sets.Where(set => set.Metric == column.Name && methods.Contains(set.Method))], (first, second) => Images(first).SetEquals(Images(second))) : Cell(column, values[name][c], Best(column, c), experiment.Baseline is { } other && other != name && values.TryGetValue(other, out var found) ? found[c] : null)).ToArray();
            return new ResultLine(name, own.Select(row => row.Image).Distinct().Count(), cells, own.Average(row => row.Evaluations), own.Average(row => row.Seconds), own.Max(row => row.PeakBytes));
        }).ToArray();
        return new(task.Name, columns, lines);

        HashSet<string> Images(string method) => [.. rows.Where(row => row.Method == method).Select(row => row.Image)];

        IReadOnlyDictionary<string, double>? Best(ResultColumn column, int c) => column.HigherIsBetter is not { } higher ? null : values.Values
            .Select(of => of[c]).Where(of => of.Count > 0 && of.Values.All(double.IsFinite))
            .MaxBy(of => higher ? of.Values.Average() : -of.Values.Average());
    }

    private static IReadOnlyDictionary<string, double> PerImage(IEnumerable<ResultRow> rows, string column) => rows
        .GroupBy(row => row.Image)
        .ToDictionary(group => group.Key, group => group.Average(row => column == Consistency ? row.Consistency : row.Metrics.TryGetValue(column, out var value) ? value : double.NaN));

    private static ResultCell Cell(ResultColumn column, IReadOnlyDictionary<string, double> own, IReadOnlyDictionary<string, double>? best, IReadOnlyDictionary<string, double>? baseline)
    {
        var mean = own.Values.Average();
        var error = own.Count > 1 ? Math.Sqrt(own.Values.Sum(value => (value - mean) * (value - mean)) / (own.Count - 1) / own.Count) : double.NaN;
        var ties = best is not null && (ReferenceEquals(own, best) || (Differences(own, best) is { Count: > 1 } apart && Bootstrap.MeanInterval(apart) is ( <= 0, >= 0)));
        var against = baseline is not null && Differences(own, baseline) is { Count: > 0 } differences ? new ResultDifference(differences.Average(), ConfidenceInterval.Of(Bootstrap.MeanInterval(differences))) : null;
        return new(mean, error, best is not null && ReferenceEquals(own, best), ties, column.HigherIsBetter is null ? null : against);
    }

    // A set has one value; differences are paired by the groups of images that are left out, where methods have the same images.
    private static ResultCell Cell(string method, string? baseline, SetResult[] sets, Func<string, string, bool> pair)
    {
        if (sets.FirstOrDefault(set => set.Method == method) is not { } own) return new(double.NaN, double.NaN, false, false, null);
        var best = sets.MinBy(set => set.Value)!;
        var isBest = own.Value <= best.Value;
        var ties = isBest || Difference(best) is { Interval: { Low: <= 0, High: >= 0 } };
        return new(own.Value, own.StandardError ?? double.NaN, isBest, ties, sets.FirstOrDefault(set => set.Method == baseline) is { } other && other != own ? Difference(other) : null, own.RankDeficit);

        ResultDifference? Difference(SetResult other) => pair(own.Method, other.Method) ? own.Minus(other) : null;
    }

    private static List<double> Differences(IReadOnlyDictionary<string, double> own, IReadOnlyDictionary<string, double> other) =>
        [.. own.Where(pair => other.ContainsKey(pair.Key)).Select(pair => pair.Value - other[pair.Key])];
}

/// <summary>A column of a table.</summary>
/// <param name="Name">The metric's name.</param>
/// <param name="Unit">Its unit; empty for a pure number.</param>
/// <param name="HigherIsBetter">Which way is better; null where neither is.</param>
/// <param name="OfSet">Whether its values are of all images together: the distance of a set.</param>
public sealed record ResultColumn(string Name, string Unit, bool? HigherIsBetter, bool OfSet = false);

/// <summary>A line of a table.</summary>
/// <param name="Method">The method's name.</param>
/// <param name="Images">The number of images.</param>
/// <param name="Cells">A cell a column.</param>
/// <param name="Evaluations">Network evaluations of a restoration.</param>
/// <param name="Seconds">The mean time of a restoration.</param>
/// <param name="PeakBytes">The most memory of tensors; -1 where it is not known.</param>
public sealed record ResultLine(string Method, int Images, IReadOnlyList<ResultCell> Cells, double Evaluations, double Seconds, long PeakBytes);

/// <summary>A cell of a table.</summary>
/// <param name="Mean">The mean over images; the value of a set.</param>
/// <param name="StandardError">Its standard error over images; not a number for one image.</param>
/// <param name="IsBest">Whether no method of the task has a better mean.</param>
/// <param name="TiesWithBest">Whether the 95% interval of the difference to the best method holds 0: of a bootstrap of paired images, or for a set of a jackknife.</param>
/// <param name="AgainstBaseline">The paired difference to the experiment's baseline; null for none.</param>
/// <param name="RankDeficit">See <see cref="SetResult.RankDeficit"/>; 0 for a metric of single images.</param>
public sealed record ResultCell(double Mean, double StandardError, bool IsBest, bool TiesWithBest, ResultDifference? AgainstBaseline, long RankDeficit = 0);

/// <summary>A paired difference of two methods over the same images.</summary>
/// <param name="Mean">Its mean.</param>
/// <param name="Interval">Its 95% interval, by a bootstrap; of a set by a jackknife.</param>
public sealed record ResultDifference(double Mean, ConfidenceInterval Interval);

/// <summary>An interval of 95% confidence.</summary>
/// <param name="Low">Its lower end.</param>
/// <param name="High">Its upper end.</param>
public readonly record struct ConfidenceInterval(double Low, double High)
{
    internal static ConfidenceInterval Of((double Low, double High) ends) => new(ends.Low, ends.High);
}
