using System.CommandLine;
using Posterior.Evaluation;

namespace Posterior.Cli.Commands;

/// <summary><c>posterior doctor</c>: what is installed, and what is wrong with it.</summary>
internal static class DoctorCommand
{
    public static Command Create()
    {
        var json = Options.Json();
        var command = new Command("doctor", "Tells what is installed (libtorch, BLAS, threads, GPU, models) and what is wrong with it.") { json };
        command.SetAction(parsed =>
        {
            var facts = MachineReport.Collect();
            var problems = facts.Where(fact => fact.Problem is not null).ToArray();
            if (parsed.GetValue(json))
            {
                Terminal.Json(facts, ResultJson.Default.IReadOnlyListMachineFact);
            }
            else
            {
                var width = facts.Max(fact => fact.Name.Length);
                foreach (var fact in facts) Terminal.Line(Terminal.OneLine($"{fact.Name.PadRight(width)}  {fact.Value}"));
                Terminal.Line();
                Terminal.Line(problems.Length == 0 ? "nothing is wrong" : $"{problems.Length} {(problems.Length == 1 ? "thing is" : "things are")} wrong");
            }
            foreach (var fact in problems) Terminal.Problem($"{fact.Name}: {fact.Problem}");
            return problems.Length == 0 ? 0 : 1;
        });
        return command;
    }
}
