using System.CommandLine;
using System.Globalization;
using Posterior.Evaluation;
using Posterior.Evaluation.Calibration;
using Posterior.Solvers;

namespace Posterior.Cli.Commands;

/// <summary><c>posterior calibrate</c>: whether samples tell how sure one can be.</summary>
internal static class CalibrateCommand
{
    public static Command Create()
    {
        var (op, output, seed, json) = (Options.Operator(), Options.Output("The picture; the receipt beside it holds the numbers."), Options.Seed(), Options.Json());
        var data = Options.RequiredText("--data", "The originals: a folder, .zip or glob. Never those that the model was trained on.", "IMAGES");
        var sigma = Options.Text("--sigma", "The noise level for images in [0, 1], as 0.05 or 25/255. [default: 0]", "S");
        var images = Options.Number<int>("--images", "How many originals, evenly spread.", "N", 20);
        var samples = Options.Number<int>("--samples", "Samples of each. 95% intervals need 39.", "K", 19);
        var shrink = Options.Number<int>("--shrink", "Reduce originals by this factor first (box filter); 2 for thumbnails.", "F", 1);
        var size = Options.Text("--size", "Use the centre of this size. [default: the whole image]", "WxH");
        var command = new Command("calibrate", "Measures whether a solver's samples are as far apart as they are wrong: coverage of intervals, ranks of the originals, error against the predicted deviation.")
        {
            data, op, sigma, output, images, samples, shrink, size, seed, json,
        };
        var solver = new SolverOptions(command);
        var prior = new PriorOptions(command);
        command.SetAction(parsed =>
        {
            var settings = new CalibrationSettings
            {
                Data = parsed.GetRequiredValue(data),
                Operator = parsed.GetRequiredValue(op),
                Sigma = RestorationSettings.ParseSigma(parsed.GetValue(sigma) ?? "0") ?? throw new MeasurementException("sigma 'auto': the measurements are made here, so their noise is stated"),
                Solver = solver.Name(parsed),
                SolverSettings = solver.Read(parsed),
                Prior = prior.Read(parsed),
                Images = parsed.GetValue(images) ?? 20,
                Samples = parsed.GetValue(samples) ?? 19,
                Shrink = parsed.GetValue(shrink) ?? 1,
                Size = parsed.GetValue(size) is { } text ? ImageSize.Parse(text) : null,
                Seed = parsed.GetValue(seed) ?? 0,
            };
            var path = parsed.GetRequiredValue(output);
            var job = new CalibrationJob(settings, Environment.CurrentDirectory);
            RestorationJob.CheckOutput(path, null);
            BatchPlan.Check([new(settings.Data, path)], file => [file, Receipt.PathFor(file)], job.Reads);
            OutputSet.CheckWritable(Path.GetDirectoryName(Path.GetFullPath(path))!);
            if (settings.Sigma > 0 && !job.Solver.HandlesNoise) Terminal.Note($"solver '{settings.Solver}' takes no account of noise: its samples will be too sure");
            var receipt = ProgressView.Run("calibrating", 1, view => job.Run(path, new Reporter<double>(share => view.Report(share)), Interrupts.Token));
            if (parsed.GetValue(json)) Terminal.Json(receipt, ReceiptJson.Default.Receipt);
            else Print(path, receipt);
            return 0;
        });
        return command;
    }

    private static void Print(string path, Receipt receipt)
    {
        var report = receipt.CalibrationReport!;
        Terminal.Table(
            ["central interval", "holds the original", "standard error"],
            [.. report.Coverage.Select(row => (string[])[Percent(row.Nominal), row.Actual is { } actual ? Percent(actual) : $"- (needs {Math.Ceiling(2 / (1 - row.Nominal) - 1 - 1e-9):0} samples)", row.StandardError is { } error ? Percent(error) : "-"])]);
        Terminal.Line();
        Terminal.Table(
            ["predicted error", "actual", "ratio", "values"],
            [
                .. report.Errors.Select(bin => (string[])[Number(bin.Predicted), Number(bin.Actual), Ratio(bin.Actual / bin.Predicted), bin.Values.ToString(CultureInfo.InvariantCulture)]),
                [$"{Number(report.PredictedError)} (all)", Number(report.Error), Ratio(report.Error / report.PredictedError), report.Values.ToString(CultureInfo.InvariantCulture)],
            ]);
        Terminal.Line();
        if (report.Ranks.PValue is not null) Terminal.Line(string.Create(CultureInfo.InvariantCulture, $"ranks: chi-square {report.Ranks.ChiSquare:0.0} in {report.Ranks.Bins} bins, {report.Ranks.Significance()}"));
        Terminal.Line(string.Create(CultureInfo.InvariantCulture, $"{Terminal.OneLine(path)}  {report.Images} images  {report.Samples} samples each  {report.KnownValues} values known  {receipt.Evaluations} evaluations  {receipt.Seconds:0.0} s"));
    }

    private static string Percent(double share) => string.Create(CultureInfo.InvariantCulture, $"{100 * share:0.0} %");

    private static string Ratio(double value) => double.IsFinite(value) ? value.ToString("0.00", CultureInfo.InvariantCulture) : "-";

    private static string Number(double value) => value.ToString("0.0000", CultureInfo.InvariantCulture);
}
