namespace Posterior.Cli;

internal static class Program
{
    private static int Main(string[] args)
    {
        // Answered before anything else is loaded: not even the console's encodings.
        if (args is ["--version"])
        {
            using var output = System.Console.OpenStandardOutput();
            output.Write(System.Text.Encoding.UTF8.GetBytes($"posterior {typeof(Program).Assembly.GetName().Version?.ToString(3)}\n"));
            return 0;
        }
        return CommandLine.Run(args);
    }
}
