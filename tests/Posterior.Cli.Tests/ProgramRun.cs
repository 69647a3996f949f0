using System.Diagnostics;

namespace Posterior.Cli.Tests;

/// <summary>The built program, run once.</summary>
internal sealed record ProgramRun(int Code, string Output, string Error)
{
    private static readonly TimeSpan _patience = TimeSpan.FromMinutes(5);

    public static string Executable
    {
        get
        {
            // .../tests/Posterior.Cli.Tests/bin/CONFIGURATION/FRAMEWORK/
            var bin = new DirectoryInfo(AppContext.BaseDirectory.TrimEnd('/'));
            return Path.Combine(bin.FullName, "../../../../../src/Posterior.Cli/bin", bin.Parent!.Name, bin.Name, "Posterior.Cli");
        }
    }

    public static ProgramRun Of(Workspace workspace, params string[] arguments) => Of(workspace, [], arguments);

    public static ProgramRun Of(Workspace workspace, (string Name, string Value)[] environment, string[] arguments)
    {
        using var process = Start(workspace, environment, arguments);
        var (output, error) = (process.StandardOutput.ReadToEndAsync(), process.StandardError.ReadToEndAsync());
        if (!process.WaitForExit(_patience))
        {
            process.Kill();
            throw new TimeoutException($"posterior {string.Join(' ', arguments)}");
        }
        return new(process.ExitCode, output.Result, error.Result);
    }

    public static Process Start(Workspace workspace, (string Name, string Value)[] environment, string[] arguments)
    {
        // A suite that runs in the background of a shell ignores Ctrl-C, and its children would inherit that.
        var start = new ProcessStartInfo("env", ["--default-signal=INT", Executable, .. arguments]) { RedirectStandardOutput = true, RedirectStandardError = true, RedirectStandardInput = true, WorkingDirectory = workspace.Folder };
        start.Environment["POSTERIOR_MODELS"] = workspace.File("models");
        start.Environment["OMP_NUM_THREADS"] = "1";
        start.Environment.Remove("POSTERIOR_DEBUG");
        foreach (var (name, value) in environment) start.Environment[name] = value;
        return Process.Start(start)!;
    }

    /// <summary>Checks that it was refused: a non-zero code, exactly one line on the error output, nothing on the other.</summary>
    public string RefusedLine()
    {
        Assert.True(Code is not 0, $"expected a refusal, found success: {Output}");
        Assert.Equal("", Output);
        Assert.StartsWith("posterior: ", Error);
        Assert.EndsWith("\n", Error);
        Assert.Equal(1, Error.Count(c => c == '\n'));
        return Error.TrimEnd();
    }

    public ProgramRun Succeeded()
    {
        Assert.True(Code == 0, $"exit code {Code}: {Error}{Output}");
        return this;
    }
}
