using System.CommandLine;
using Posterior.Evaluation.Experiments;

namespace Posterior.Cli.Commands;

/// <summary><c>posterior report</c>: writes the tables of an experiment again.</summary>
internal static class ReportCommand
{
    public static Command Create()
    {
        var folder = new Argument<string>("FOLDER") { Description = "The folder that 'posterior eval' wrote to." };
        var json = Options.Json();
        var command = new Command("report", "Writes the tables of an experiment again from its results.") { folder, json };
        command.SetAction(parsed =>
        {
            var path = parsed.GetRequiredValue(folder);
            var description = ExperimentFolder.Read(path);
            var rows = description.Rows(path);
            EvalCommand.Print(description.Experiment, rows, description.Write(path, rows), parsed.GetValue(json));
            return 0;
        });
        return command;
    }
}
