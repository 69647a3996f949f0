using System.CommandLine;
using System.CommandLine.Help;
using System.Globalization;
using Posterior.Cli.Commands;

namespace Posterior.Cli;

/// <summary>From arguments to an exit code: 0 done, 1 failed, 2 misused, 130 interrupted.</summary>
internal static class CommandLine
{
    private const int Failed = 1, Misused = 2;

    private static readonly (string Name, Func<Command> Make)[] _verbs =
    [
        ("demo", DemoCommand.Create),
        ("restore", RestoreCommand.Create),
        ("degrade", DegradeCommand.Create),
        ("compare", CompareCommand.Create),
        ("sample", SampleCommand.Create),
        ("train", TrainCommand.Create),
        ("info", InfoCommand.Create),
        ("operators", CatalogueCommands.Operators),
        ("solvers", CatalogueCommands.Solvers),
        ("models", CatalogueCommands.Models),
        ("bench", BenchCommand.Create),
        ("doctor", DoctorCommand.Create),
        ("rerun", RerunCommand.Create),
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
        // A plain command, because a root command is called like its file.
        var root = new Command("posterior", "Restores images with diffusion models: y = H x + noise is given, x is wanted. 'posterior --version' prints the version.") { new HelpOption() };
        // Only what is asked for is built: the others cost start-up time.
        foreach (var (name, make) in _verbs)
        {
            if (args is not [var verb, ..] || verb.StartsWith('-') || verb == name) root.Add(make());
        }
        var parsed = root.Parse(args.Length == 0 ? ["--help"] : args);
        if (parsed.Errors.Count > 0)
        {
            Terminal.Problem(Describe(parsed));
            return Misused;
        }
        return parsed.Invoke(new InvocationConfiguration { EnableDefaultExceptionHandler = false });
    }

    private static string Describe(ParseResult parsed)
    {
        var command = parsed.CommandResult.Command;
        if (parsed.UnmatchedTokens.FirstOrDefault(token => token.StartsWith('-')) is { } option)
            return $"{command.Name}: unknown option '{option}'{Spelling.Suggest(option, command.Options.Select(known => known.Name))} (posterior {command.Name} --help lists all)";
        return $"{command.Name}: {parsed.Errors[0].Message.TrimEnd('.')}";
    }
}
