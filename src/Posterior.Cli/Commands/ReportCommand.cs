using System.CommandLine;
using Posterior.Evaluation.Experiments;

namespace Posterior.Cli.Commands;

/// <summary><c>posterior report</c>: writes the tables and the page of an experiment again.</summary>
internal static class ReportCommand
{
    public static Command Create()
    {
        var folder = new Argument<string>("FOLDER") { Description = "The folder that 'posterior eval' wrote to." };
        var json = Options.Json();
        var command = new Command("report", "Writes the tables of an experiment again from its results, and one HTML page with tables, plots and pictures.") { folder, json };
        command.SetAction(parsed =>
        {
            var path = parsed.GetRequiredValue(folder);
            EvalCommand.Report(ExperimentFolder.Read(path), path, parsed.GetValue(json));
            return 0;
        });
        return command;
    }
}
