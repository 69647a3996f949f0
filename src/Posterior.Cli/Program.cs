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
        Exit(code);
        return code;
    }

    [LibraryImport("libc", EntryPoint = "_exit")]
    private static partial void Exit(int code);
}
