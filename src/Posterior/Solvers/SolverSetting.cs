using System.Globalization;

namespace Posterior.Solvers;

/// <summary>A setting of a solver of the catalogue: its name, its default, and how its text reaches the solver.</summary>
/// <param name="Name">The name on the command line, as <c>eta-b</c>.</param>
/// <param name="Default">The default as text.</param>
/// <param name="Kind">What it is: <c>a whole number</c>, <c>a number</c>, <c>yes or no</c>, or the names that there are.</param>
public sealed record SolverSetting(string Name, string Default, string Kind);

/// <summary>How the texts of settings are read; each refusal is one clause.</summary>
internal static class SettingText
{
    public const string Whole = "a whole number", Number = "a number", Flag = "yes or no";

    public static int ReadWhole(string text) =>
        int.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var value) ? value : throw new FormatException();

    public static double ReadNumber(string text) =>
        double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var value) ? value : throw new FormatException();

    public static bool ReadFlag(string text) => text.ToLowerInvariant() switch
    {
        "yes" or "true" or "on" => true,
        "no" or "false" or "off" => false,
        _ => throw new FormatException(),
    };

    public static string Write(double value) => value.ToString("0.##########", CultureInfo.InvariantCulture);

    public static string Write(bool value) => value ? "yes" : "no";

    /// <summary>The name of an enumeration's member as a command line has it: <c>SquareRoot</c> is <c>square-root</c>.</summary>
    public static string NameOf<T>(T value)
        where T : struct, Enum =>
        string.Concat(value.ToString().Select((letter, i) => char.IsUpper(letter) ? (i > 0 ? "-" : "") + char.ToLowerInvariant(letter) : letter.ToString()));

    public static T ReadChoice<T>(string text)
        where T : struct, Enum
    {
        foreach (var value in Enum.GetValues<T>())
            if (NameOf(value).Equals(text, StringComparison.OrdinalIgnoreCase)) return value;
        throw new FormatException();
    }
}
