using System.CommandLine;
using System.Globalization;
using Posterior.Evaluation;

namespace Posterior.Cli.Commands;

/// <summary><c>posterior demo</c>: restores the project's pictures.</summary>
internal static class DemoCommand
{
    public static Command Create()
    {
        var output = Options.Text("--output", "The folder for the pictures. [default: out/demo]", "DIR", "-o");
        var (steps, json) = (Options.Number<int>("--steps", "DDRM's steps.", "N", 20), Options.Json());
        var command = new Command("demo", "Restores the sample pictures, writes them beside the originals and prints a table.") { output, steps, json };
        var options = new PriorOptions(command, conditional: false);
        command.SetAction(parsed =>
        {
            var folder = parsed.GetValue(output) ?? Path.Combine("out", "demo");
            var (settings, pictures) = (options.Read(parsed), SampleImages.Files());
            PriorFiles.Find(settings);
            OutputSet.CheckWritable(folder);
            using var prior = Prior.Load(settings);
            var (rows, sheets) = ProgressView.Run("restoring", 1, view => Demo.Run(prior, pictures, folder, parsed.GetValue(steps) ?? 20, new Reporter<double>(share => view.Report(share)), Interrupts.Token));
            if (parsed.GetValue(json)) Terminal.Json(new DemoResult(rows, sheets), ResultJson.Default.DemoResult);
            else Print(rows, sheets);
            return 0;
        });
        return command;
    }

    private static void Print(IReadOnlyList<DemoRow> rows, IReadOnlyList<string> sheets)
    {
        Terminal.Table(
            ["task", "image", "PSNR pseudo-inverse", "PSNR restored", "SSIM pseudo-inverse", "SSIM restored", "seconds", "evaluations"],
            [.. rows.Select(row => (string[])[row.Task, row.Image, Text(row.BaselinePsnr, "0.00"), Text(row.Psnr, "0.00"), Text(row.BaselineSsim, "0.000"), Text(row.Ssim, "0.000"), Text(row.Seconds, "0.0"), Text(row.Evaluations, "0")])]);
        Terminal.Line();
        Terminal.Line("original | measurement | pseudo-inverse | restored:");
        foreach (var sheet in sheets) Terminal.Line($"  {Terminal.OneLine(sheet)}");
    }

    private static string Text(double value, string format) => value.ToString(format, CultureInfo.InvariantCulture);
}
