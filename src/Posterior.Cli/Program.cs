using System.Runtime.InteropServices;

namespace Posterior.Cli;

internal static partial class Program
{
    private static int Main(string[] args)
    {
        int code;
        try
        {
            // Answered before anything else is loaded: not even the console's encodings.
            if (args is ["--version"])
            {
                using var output = System.Console.OpenStandardOutput();
                output.Write(System.Text.Encoding.UTF8.GetBytes($"posterior {typeof(Program).Assembly.GetName().Version?.ToString(3)}\n"));
                return 0;
            }
            code = CommandLine.Run(args);
            System.Console.Out.Flush();
            System.Console.Error.Flush();
        }
        catch (System.IO.IOException)
        {
            // Nobody can be told where results and problems cannot be written.
            code = 1;
        }
        // Everything is written and closed. An orderly end would have libtorch take back its thousands of operators one by one, and wait for one that is still loading.
        RemoveDiagnostics();
        Exit(code);
        return code;
    }

    // The runtime's pipes and socket for debuggers, which an orderly end would remove. Their names hold the process and when it started.
    private static void RemoveDiagnostics()
    {
        try
        {
            // Field 22; the second one, in brackets, may hold anything.
            var status = System.IO.File.ReadAllText("/proc/self/stat");
            var started = status[(status.LastIndexOf(')') + 2)..].Split(' ')[19];
            var own = $"{System.Environment.ProcessId}-{started}";
            foreach (var name in (string[])[$"clr-debug-pipe-{own}-in", $"clr-debug-pipe-{own}-out", $"dotnet-diagnostic-{own}-socket"]) System.IO.File.Delete(System.IO.Path.Combine(System.IO.Path.GetTempPath(), name));
        }
        catch (System.Exception error) when (error is System.IO.IOException or System.UnauthorizedAccessException)
        {
            // They lie there then, as after a process that was killed.
        }
    }

    [LibraryImport("libc", EntryPoint = "_exit")]
    private static partial void Exit(int code);
}
