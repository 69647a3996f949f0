using System.Text.Json;
using Posterior.Evaluation.Experiments;
using Posterior.Torch;

namespace Posterior.Tests.Evaluation.Experiments;

public sealed class ResultTableTests
{
    private static readonly Experiment _experiment = ExperimentFile.Parse("""
        name: Title
        dataset: none
        tasks: [sr4, denoise]
        methods: [ddrm, ddnm, pinv]
        metrics: [psnr, mse]
        seeds: [0, 1]
        baseline: pinv
        """);

    [Fact]
    public void Means_and_errors_are_over_images_after_the_mean_of_each_image()
    {
        // Images a, b, c with seeds at v - 1 and v + 1.
        var table = ResultTable.Of(_experiment, [.. Rows("sr4", "ddrm", 10, 14, 18)], [])[0];
        var cell = table.Lines.Single().Cells[0];
        Assert.Equal(14, cell.Mean, 12);
        Assert.Equal(4 / Math.Sqrt(3), cell.StandardError, 12); // a standard deviation of 4 over three images
        Assert.Equal(3, table.Lines[0].Images);
    }

    [Fact]
    public void The_best_is_the_highest_or_the_lowest_as_the_metric_has_it()
    {
        var table = ResultTable.Of(_experiment, [.. Rows("sr4", "ddrm", 10, 11, 12), .. Rows("sr4", "pinv", 1, 2, 3)], [])[0];
        Assert.Equal([true, false], table.Lines.Select(line => line.Cells[0].IsBest));
        Assert.Equal([false, true], table.Lines.Select(line => line.Cells[1].IsBest));
        Assert.All(table.Lines, line => Assert.False(line.Cells[2].IsBest));
    }

    [Fact]
    public void Methods_tie_when_the_interval_of_their_paired_difference_holds_zero()
    {
        var best = Rows("sr4", "ddrm", 10, 20, 30, 40);
        // Always worse by 0.1, though images differ by 10: no tie. Now better, now worse: a tie.
        var table = ResultTable.Of(_experiment, [.. best, .. Rows("sr4", "ddnm", 9.9, 19.9, 29.9, 39.9), .. Rows("sr4", "pinv", 11, 18, 31, 39)], [])[0];
        Assert.Equal([true, false, true], table.Lines.Select(line => line.Cells[0].TiesWithBest));
    }

    [Fact]
    public void Differences_to_the_baseline_pair_images()
    {
        var table = ResultTable.Of(_experiment, [.. Rows("sr4", "ddrm", 10, 20, 30), .. Rows("sr4", "pinv", 9, 18, 29)], [])[0];
        var difference = table.Lines[0].Cells[0].AgainstBaseline!;
        Assert.Equal(4.0 / 3, difference.Mean, 12);
        Assert.InRange(difference.Interval.Low, 1, 4.0 / 3);
        Assert.InRange(difference.Interval.High, 4.0 / 3, 2);
        Assert.Contains($"\"Interval\":{{\"Low\":", JsonSerializer.Serialize(difference), StringComparison.Ordinal);
        Assert.Null(table.Lines[1].Cells[0].AgainstBaseline);
    }

    [Fact]
    public void Rows_have_the_names_that_their_images_have_now()
    {
        var rows = Rows("sr4", "ddrm", 1, 2).Select((row, i) => row with { Key = $"key {i}" }).ToDictionary(row => row.Key);
        var named = ExperimentFolder.Named(rows.Keys.Select(key => new ExperimentCell(key, "denoise", "ddnm", $"image of {key}")), rows);
        Assert.All(named, row => Assert.Equal(("denoise", "ddnm", $"image of {row.Key}"), (row.Task, row.Method, row.Image)));
    }

    [Fact]
    public void A_method_without_a_class_has_neither_class_nor_guidance_of_the_model()
    {
        var experiment = _experiment with { Prior = new() { Model = "thumb32", Class = 3, Guidance = 3 } };
        var (told, none) = (experiment.Methods[0], experiment.Methods[0] with { UsesLabels = false });
        Assert.Equal((3, 3.0), (experiment.PriorOf(told).Class, experiment.PriorOf(told).Guidance));
        Assert.Equal((null, 1.0), (experiment.PriorOf(none).Class, experiment.PriorOf(none).Guidance));
        // What a run loads apart.
        Assert.NotEqual(experiment.PriorOf(told), experiment.PriorOf(none));
    }

    [Fact]
    public void A_task_without_rows_has_an_empty_table() => Assert.Empty(ResultTable.Of(_experiment, [.. Rows("sr4", "ddrm", 1)], [])[1].Lines);

    [Fact]
    public void Bootstrap_intervals_hold_the_mean_of_normal_samples_in_95_of_100_cases()
    {
        var held = 0;
        for (var i = 0; i < 200; i++)
        {
            using var draws = new SeededNoise((ulong)i).Normal([1, 40], DType.Float64);
            if (Bootstrap.MeanInterval(draws.ToArray<double>()) is ( < 0, > 0)) held++;
        }
        // Percentile intervals of 40 values hold a little less than 95%; 200 cases scatter by 1.5%.
        Assert.InRange(held, 178, 198);
    }

    [Fact]
    public void Markdown_marks_ties_in_bold_and_csv_holds_every_number()
    {
        var tables = ResultTable.Of(_experiment, [.. Rows("sr4", "ddrm", 10, 20), .. Rows("sr4", "pinv", 1, 2)], []);
        var markdown = TableText.Markdown(_experiment, tables, 2);
        Assert.Contains("| ddrm | **15.00**", markdown, StringComparison.Ordinal);
        Assert.Contains("| pinv | 1.50", markdown, StringComparison.Ordinal);
        var lines = TableText.Csv(tables).Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal(1 + 2 * 3, lines.Length); // two methods, two metrics and the residual
        Assert.StartsWith("sr4,ddrm,2,psnr,15,", lines[1], StringComparison.Ordinal);
    }

    [Fact]
    public void Distances_of_sets_stand_in_their_columns_and_lacking_ranks_are_told()
    {
        var experiment = _experiment with { Metrics = ["psnr", "frechet-thumb32"], Baseline = null };
        var table = ResultTable.Of(experiment, [.. Rows("sr4", "ddrm", 10, 20), .. Rows("sr4", "pinv", 1, 2)], [new("sr4", "ddrm", "frechet-thumb32", 3, [2.5, 3.5], 4, 190), new("sr4", "pinv", "frechet-thumb32", 2, null, 4, 0), new("denoise", "pinv", "frechet-thumb32", 1, null, 4, 0)])[0];
        Assert.Equal((3, 0.5, false, 190L), (table.Lines[0].Cells[1].Mean, table.Lines[0].Cells[1].StandardError, table.Lines[0].Cells[1].IsBest, table.Lines[0].Cells[1].RankDeficit));
        Assert.Equal((2, true), (table.Lines[1].Cells[1].Mean, table.Lines[1].Cells[1].IsBest));
        Assert.Contains("frechet-thumb32: fewer images than it needs, the covariance of its features lacks 190 of its ranks", TableText.Markdown(experiment, [table], 2), StringComparison.Ordinal);
        var missing = ResultTable.Of(experiment, [.. Rows("sr4", "ddrm", 10, 20)], [])[0];
        Assert.True(double.IsNaN(missing.Lines[0].Cells[1].Mean));
        Assert.Contains("| ddrm | **15.00 ± 5.00** | - |", TableText.Markdown(experiment, [missing], 2), StringComparison.Ordinal);
    }

    [Fact]
    public void Differences_of_distances_of_sets_pair_the_groups_that_are_left_out()
    {
        var experiment = _experiment with { Metrics = ["frechet-thumb32"], Baseline = "pinv" };
        // The distances vary by far more than ddrm's differs from pinv's, but together; ddnm's varies on its own.
        double[] swing = [5, -5, 5, -5, 5, -5, 5, -5, 5, -5];
        SetResult Of(string method, double value, Func<int, double> without) => new("sr4", method, "frechet-thumb32", value, [.. Enumerable.Range(0, 10).Select(i => value + without(i))], 3, 0);
        SetResult[] sets = [Of("ddrm", 11, i => swing[i]), Of("ddnm", 10.5, i => -swing[i]), Of("pinv", 10, i => swing[i] + (i % 3 - 1) * 0.01)];
        var cells = ResultTable.Of(experiment, [.. Rows("sr4", "ddrm", 1, 2, 3), .. Rows("sr4", "ddnm", 1, 2, 3), .. Rows("sr4", "pinv", 1, 2, 3)], sets)[0].Lines.Select(line => line.Cells[0]).ToArray();
        Assert.Equal([false, true, true], cells.Select(cell => cell.TiesWithBest));
        Assert.Equal([false, false, true], cells.Select(cell => cell.IsBest));
        Assert.Equal(1, cells[0].AgainstBaseline!.Mean, 12);
        Assert.InRange(cells[0].AgainstBaseline!.Interval.Low, 0.9, 1);
        Assert.True(cells[1].AgainstBaseline!.Interval.Low < 0);
        Assert.Null(cells[2].AgainstBaseline);
        // 9/10 of the sum of squares of 10 deviations of 5: 15; pinv's own error.
        Assert.Equal(15, cells[0].StandardError, 9);
        // Other images: nothing to pair.
        cells = [.. ResultTable.Of(experiment, [.. Rows("sr4", "ddrm", 1, 2), .. Rows("sr4", "pinv", 1, 2, 3)], sets)[0].Lines.Select(line => line.Cells[0])];
        Assert.Null(cells[0].AgainstBaseline);
        Assert.False(cells[0].TiesWithBest);
    }

    private static IEnumerable<ResultRow> Rows(string task, string method, params double[] values) => values.SelectMany((value, image) => new ulong[] { 0, 1 }.Select(seed => new ResultRow
    {
        Key = $"{task} {method} {image} {seed}",
        Image = $"image {image}",
        Task = task,
        Method = method,
        Seed = seed,
        Metrics = new Dictionary<string, double> { ["psnr"] = value + 2.0 * seed - 1, ["mse"] = value },
    }));
}
