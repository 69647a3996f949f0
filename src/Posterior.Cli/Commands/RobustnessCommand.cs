using System.CommandLine;
using System.Globalization;
using Posterior.Evaluation.Reversal;
using Posterior.Solvers;

namespace Posterior.Cli.Commands;

/// <summary><c>posterior robustness</c>: what a model makes of measurements that are not quite those of its training.</summary>
internal static class RobustnessCommand
{
    public static Command Create()
    {
        var json = Options.Json();
        var prefer = Options.Text("--prefer", "Dirac's end: perception or distortion, at the stopping points of the model's card. [default: t = 0]", "END");
        var command = new Command("robustness", "Restores measurements whose blur is 0.6 to 1.4 times as wide as in a Dirac or InDI model's training, or whose noise is 0 to 0.08.") { prefer, json };
        var options = new ReversalStudyOptions(command);
        command.SetAction(parsed =>
        {
            var end = parsed.GetValue(prefer) switch
            {
                null => Preference.None,
                "perception" => Preference.Perception,
                "distortion" => Preference.Distortion,
                var other => throw new SolverOptionsException($"--prefer: expected perception or distortion, found '{other}'"),
            };
            var study = new RobustnessStudy(options.Read(parsed), end);
            var path = options.Output(parsed);
            var report = ProgressView.Run("restoring", 1, view => study.Run(new Reporter<double>(share => view.Report(share)), Interrupts.Token));
            StudyFiles.Write(path, CurvePicture.Of(report), report.ToJson());
            if (parsed.GetValue(json)) Terminal.Line(report.ToJson());
            else Print(path, report);
            return 0;
        });
        return command;
    }

    private static void Print(string path, RobustnessReport report)
    {
        if (report.Widths.Count > 0) Table("width of the blur", report.Widths);
        Table("noise", report.Noise);
        Terminal.Line(string.Create(CultureInfo.InvariantCulture, $"{Terminal.OneLine(path)}  {report.Solver}  {report.Images} images  trained with noise {report.Sigma:0.###}"));

        void Table(string what, IReadOnlyList<RobustnessPoint> points)
        {
            Terminal.Table([what, "PSNR", "SSIM", report.Perception], [.. points.Select(point => (string[])[Number(point.Value, "0.##"), Number(point.Psnr, "0.00"), Number(point.Ssim, "0.0000"), Number(point.Perception, "0.0000")])]);
            Terminal.Line();
        }
    }

    private static string Number(double value, string format) => value.ToString(format, CultureInfo.InvariantCulture);
}
