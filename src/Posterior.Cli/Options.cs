using System.CommandLine;
using System.Globalization;
using System.Numerics;
using Posterior.Torch;

namespace Posterior.Cli;

/// <summary>Options that several verbs share, and numbers that are read the same way under every culture.</summary>
internal static class Options
{
    public static Option<string> Text(string name, string description, string valueName, params string[] aliases) => new(name, aliases) { Description = description, HelpName = valueName };

    /// <summary>A text that may be given several times.</summary>
    public static Option<string[]> Several(string name, string description, string valueName) => new(name) { Description = description, HelpName = valueName, Arity = ArgumentArity.OneOrMore };

    public static Option<string> RequiredText(string name, string description, string valueName, params string[] aliases) =>
        new(name, aliases) { Description = description, HelpName = valueName, Required = true };

    public static Option<bool> Flag(string name, string description) => new(name) { Description = description };

    public static Option<T?> Number<T>(string name, string description, string valueName, T? fallback = null)
        where T : struct, INumber<T>
    {
        var whole = !T.TryParse("0.5", NumberStyles.Float, CultureInfo.InvariantCulture, out _);
        var option = new Option<T?>(name)
        {
            Description = description,
            HelpName = valueName,
            CustomParser = result =>
            {
                var text = result.Tokens[^1].Value;
                if (T.TryParse(text, whole ? NumberStyles.AllowLeadingSign : NumberStyles.Float, CultureInfo.InvariantCulture, out var value)) return value;
                result.AddError($"{name}: expected a {(whole ? T.IsNegative(T.Zero - T.One) ? "whole number" : "whole number from 0" : "number")}, found '{text}'");
                return null;
            },
        };
        if (fallback is not null) option.DefaultValueFactory = _ => fallback;
        return option;
    }

    public static Option<bool> Json() => Flag("--json", "Print the results as JSON.");

    public static Option<ulong?> Seed() => Number<ulong>("--seed", "Everything random follows from it, and from the content of each file.", "N", 0);

    public static Option<string> Operator() => RequiredText("--operator", "What was measured, as sr4 or inpaint:mask.png; 'posterior operators' lists all.", "OP");

    public static Option<string> Output(string what) => RequiredText("--output", what, "OUT", "-o");

    public static Option<int?> Bits() => Number<int>("--bits", "Bits of a value in the output: 8, 16 (PNG, TIFF) or 32 (TIFF).", "B");

    public static Option<bool> Force() => Flag("--force", "Do finished files again.");

    public static Option<int?> Threads() => Number<int>("--threads", "Threads of the processor; as many as it has cores by default.", "T");

    /// <summary>Sets the number of threads, and the mode of arithmetic that suits images.</summary>
    public static void Apply(int? threads)
    {
        if (threads is < 1 or > 4096) throw new ArgumentException(string.Create(CultureInfo.InvariantCulture, $"--threads is {threads}, expected 1 to 4096"));
        TorchRuntime.FlushDenormals(true);
        if (threads is { } count) TorchRuntime.Threads = count;
        // Whoever states a number means it.
        else if (string.IsNullOrEmpty(Environment.GetEnvironmentVariable("OMP_NUM_THREADS"))) ThreadShare.Enable();
    }
}
