using System.CommandLine;
using System.Globalization;
using Posterior.Evaluation.Reversal;

namespace Posterior.Cli.Commands;

/// <summary><c>posterior tradeoff</c>: distortion and perception along a model's reverse process, and where to stop.</summary>
internal static class TradeoffCommand
{
    public static Command Create()
    {
        var (dry, json) = (Options.Flag("--no-store", "Leave the model's card as it is."), Options.Json());
        var command = new Command("tradeoff", "Measures distortion and perception of a Dirac model's estimates against t, finds where to stop for either, and stores it in the model's card for --prefer.") { dry, json };
        var options = new ReversalStudyOptions(command);
        command.SetAction(parsed =>
        {
            var settings = options.Read(parsed);
            var study = new TradeoffStudy(settings);
            var path = options.Output(parsed);
            var report = ProgressView.Run("running the process", 1, view => study.Run(new Reporter<double>(share => view.Report(share)), Interrupts.Token));
            StudyFiles.Write(path, CurvePicture.Of(report), report.ToJson());
            var card = parsed.GetValue(dry) ? null : TradeoffStudy.Store(settings.Model.Model, report.Stops);
            if (parsed.GetValue(json)) Terminal.Line(report.ToJson());
            else Print(path, report, card);
            return 0;
        });
        return command;
    }

    private static void Print(string path, TradeoffReport report, string? card)
    {
        Terminal.Table(
            ["t", "PSNR", "SSIM", report.Perception, "|y - A x|^2 / m"],
            [.. report.Points.Select(point => (string[])[Number(point.Time, "0.###"), Number(point.Psnr, "0.00"), Number(point.Ssim, "0.0000"), Number(point.Perception, "0.0000"), Number(point.Consistency, "0.00000")])]);
        Terminal.Line();
        Terminal.Line(string.Create(CultureInfo.InvariantCulture, $"{Terminal.OneLine(path)}  {report.Images} images  noise floor {report.NoiseVariance:0.00000}  distortion: stop={report.Stops.Distortion:0.####}  perception: stop={report.Stops.Perception:0.####}"));
        if (card is not null) Terminal.Line($"{Terminal.OneLine(card)}  stopping points stored");
    }

    private static string Number(double value, string format) => value.ToString(format, CultureInfo.InvariantCulture);
}
