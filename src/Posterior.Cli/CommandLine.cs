using System.CommandLine;
using System.CommandLine.Help;
using System.CommandLine.Parsing;
using System.Globalization;
using Posterior.Cli.Commands;
using Posterior.Torch;

namespace Posterior.Cli;

/// <summary>From arguments to an exit code: 0 done, 1 failed, 2 misused, 130 interrupted.</summary>
internal static class CommandLine
{
    private const int Failed = 1, Misused = 2;

    // Verbs that calculate load libtorch, which takes longer than anything before its first use.
    private static readonly (string Name, Func<Command> Make, bool Calculates)[] _verbs =
    [
        ("demo", DemoCommand.Create, true),
        ("restore", RestoreCommand.Create, true),
        ("plan", PlanCommand.Create, false),
        ("degrade", DegradeCommand.Create, true),
        ("compare", CompareCommand.Create, true),
        ("sample", SampleCommand.Create, true),
        ("train", TrainCommand.Create, true),
        ("info", InfoCommand.Create, true),
        ("operators", CatalogueCommands.Operators, false),
        ("solvers", CatalogueCommands.Solvers, false),
        ("samplers", CatalogueCommands.Samplers, false),
        ("models", CatalogueCommands.Models, false),
        ("eval", EvalCommand.Create, true),
        ("report", ReportCommand.Create, false),
        ("bench", BenchCommand.Create, true),
        ("verify", VerifyCommand.Create, true),
        ("calibrate", CalibrateCommand.Create, true),
        ("schedule", ScheduleCommand.Create, true),
        ("tradeoff", TradeoffCommand.Create, true),
        ("robustness", RobustnessCommand.Create, true),
        ("doctor", DoctorCommand.Create, false),
        ("rerun", RerunCommand.Create, true),
    ];

    public static int Run(string[] args)
    {
        CultureInfo.DefaultThreadCurrentCulture = CultureInfo.CurrentCulture = CultureInfo.InvariantCulture;
        using var interrupts = Interrupts.Catch();
        try
        {
            return Dispatch(args);
        }
        catch (OperationCanceledException) when (Interrupts.Code is { } code)
        {
            Terminal.Problem("interrupted");
            return code;
        }
        catch (Exception error)
        {
            return Terminal.Fail(error, Failed);
        }
    }

    private static int Dispatch(string[] args)
    {
        if (args is [var first, ..] && !first.StartsWith('-') && !_verbs.Any(verb => verb.Name == first))
        {
            Terminal.Problem($"unknown command '{first}'{Spelling.Suggest(first, _verbs.Select(verb => verb.Name))} (posterior --help lists all)");
            return Misused;
        }
        // While arguments are read.
        if (_verbs.Any(known => known.Calculates && known.Name == args.FirstOrDefault()) && !args.Any(arg => arg is "--help" or "-h" or "-?")) TorchRuntime.Preload();
        // A plain command, because a root command is called like its file.
        var root = new Command("posterior", "Restores images with diffusion models: y = H x + noise is given, x is wanted. 'posterior --version' prints the version.") { new HelpOption() };
        // Only what is asked for is built: the others cost start-up time.
        foreach (var (name, make, _) in _verbs)
        {
            if (args is not [var verb, ..] || verb.StartsWith('-') || verb == name) root.Add(make());
        }
        if (Unknown(root, args) is { } problem)
        {
            Terminal.Problem(problem);
            return Misused;
        }
        // A name may begin with @: it is no file of arguments.
        var parsed = root.Parse(args.Length == 0 ? ["--help"] : args, new ParserConfiguration { ResponseFileTokenReplacer = null });
        if (parsed.Errors.Count > 0)
        {
            Terminal.Problem($"{parsed.CommandResult.Command.Name}: {parsed.Errors[0].Message.TrimEnd('.')}");
            return Misused;
        }
        if (Empty(parsed.CommandResult) is { } empty)
        {
            Terminal.Problem($"{parsed.CommandResult.Command.Name}: {empty} is empty");
            return Misused;
        }
        return parsed.Invoke(new InvocationConfiguration { EnableDefaultExceptionHandler = false });
    }

    // The parser would take a misspelt option for a file where a verb takes several files.
    private static string? Unknown(Command root, string[] args)
    {
        var command = args is [var verb, ..] ? root.Subcommands.FirstOrDefault(known => known.Name == verb) : null;
        if (command is null) return null;
        var names = command.Options.SelectMany(option => option.Aliases.Prepend(option.Name)).Concat(["--help", "-h", "-?"]).ToArray();
        foreach (var arg in args.Skip(1).TakeWhile(arg => arg != "--"))
        {
            // A number may be negative, and a lone dash is a name.
            if (!arg.StartsWith('-') || arg.Length == 1 || char.IsAsciiDigit(arg[1]) || arg[1] == '.') continue;
            var name = arg.Split('=', ':')[0];
            if (!names.Contains(name)) return $"{command.Name}: unknown option '{name}'{Spelling.Suggest(name, names)} (posterior {command.Name} --help lists all)";
        }
        return null;
    }

    // The first option or argument that an empty text was given for: where it is used, nobody knows any more what it stands for.
    private static string? Empty(CommandResult command) => command.Children.FirstOrDefault(result => result.Tokens.Any(token => token.Value.Length == 0)) switch
    {
        OptionResult option => option.Option.Name,
        ArgumentResult argument => argument.Argument.Name,
        _ => null,
    };
}
