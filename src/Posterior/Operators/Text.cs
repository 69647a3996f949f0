using System.Globalization;

namespace Posterior.Operators;

/// <summary>Numbers as text, the same in every culture.</summary>
internal static class Text
{
    /// <summary>The shortest text that reads back as the same number.</summary>
    public static string Of(double value) => value.ToString("R", CultureInfo.InvariantCulture);
}
