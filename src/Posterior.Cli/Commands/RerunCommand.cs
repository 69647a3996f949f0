using System.CommandLine;
using System.Globalization;
using Posterior.Evaluation;

namespace Posterior.Cli.Commands;

/// <summary><c>posterior rerun</c>: makes a result again and compares.</summary>
internal static class RerunCommand
{
    // Half of an 8-bit step: differences below it cannot be seen in any 8-bit file.
    private const double Visible = 0.5 / 255;

    public static Command Create()
    {
        var path = new Argument<string>("RECEIPT") { Description = "A receipt (out.png.json)." };
        var (json, threads) = (Options.Json(), Options.Threads());
        var command = new Command("rerun", "Makes again what a receipt tells of, and prints the largest difference of a pixel; a file that is missing is kept, the others stay as they are.") { path, json, threads };
        command.SetAction(parsed =>
        {
            Options.Apply(parsed.GetValue(threads));
            var name = parsed.GetRequiredValue(path);
            var outputs = ProgressView.Run("running again", 1, view => Rerun.Compare(name, new Reporter<double>(share => view.Report(share)), Interrupts.Token));
            if (parsed.GetValue(json)) Terminal.Json(new RerunResult(Path.GetFullPath(name), outputs, outputs.All(output => output.Identical)), ResultJson.Default.RerunResult);
            else foreach (var output in outputs) Terminal.Line(Describe(output));
            return outputs.All(output => (output.LargestDifference ?? 0) <= Visible) ? 0 : 1;
        });
        return command;
    }

    private static string Describe(RerunOutput output)
    {
        var path = Terminal.OneLine(output.Path);
        if (output.LargestDifference is not { } difference) return $"{path}  was missing: made again and kept ({(output.Identical ? "the same bytes" : "other bytes than its receipt told of")})";
        var bytes = output.Identical ? "the same bytes" : string.Create(CultureInfo.InvariantCulture, $"{difference * 255:0.###} of 255");
        return string.Create(CultureInfo.InvariantCulture, $"{path}  largest pixel difference {difference:0.########} ({bytes}){(output.Changed ? "; it is not the file that the receipt tells of" : "")}");
    }
}
