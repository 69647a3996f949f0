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
        var command = new Command("rerun", "Makes again what a receipt tells of, and prints the largest difference of a pixel; the files stay as they are.") { path, json, threads };
        command.SetAction(parsed =>
        {
            Options.Apply(parsed.GetValue(threads));
            var name = parsed.GetRequiredValue(path);
            var receipt = Receipt.Read(name);
            var folder = Directory.CreateTempSubdirectory("posterior-rerun-");
            try
            {
                var again = ProgressView.Run("running again", 1, view => Rerun.Run(receipt, folder.FullName, new Reporter<double>(share => view.Report(share)), Interrupts.Token));
                var differences = receipt.Outputs.Zip(again.Outputs, (old, made) => new RerunDifference(old.Path, Rerun.LargestDifference(old.Path, made.Path))).ToArray();
                var identical = receipt.Outputs.Zip(again.Outputs).All(pair => pair.First.Sha256 == pair.Second.Sha256);
                if (parsed.GetValue(json)) Terminal.Json(new RerunResult(Path.GetFullPath(name), differences, identical), ResultJson.Default.RerunResult);
                else foreach (var difference in differences) Terminal.Line(Describe(difference, identical));
                return differences.All(difference => difference.LargestDifference <= Visible) ? 0 : 1;
            }
            finally
            {
                folder.Delete(recursive: true);
            }
        });
        return command;
    }

    private static string Describe(RerunDifference difference, bool identical) => string.Create(
        CultureInfo.InvariantCulture, $"{difference.Path}  largest pixel difference {difference.LargestDifference:0.########}{(identical ? " (the same bytes)" : $" ({difference.LargestDifference * 255:0.###} of 255)")}");
}
