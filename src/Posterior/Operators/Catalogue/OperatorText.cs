using System.Globalization;

namespace Posterior.Operators;

/// <summary>
/// The parts of a text form <c>NAME[NUMBER][:ARGUMENT][,KEY=VALUE]...</c>. Each part that a reader asks for is checked; <see cref="Finish"/> refuses what nobody
/// asked for.
/// </summary>
public sealed class OperatorText
{
    private readonly string _text;
    private readonly Dictionary<string, string> _options = [];
    private readonly HashSet<string> _asked = [];

    /// <summary>Splits a text form.</summary>
    /// <param name="text">The whole text, for messages.</param>
    /// <param name="entry">What the name stands for.</param>
    /// <param name="number">What follows the name.</param>
    /// <param name="rest">What follows the colon; null without one.</param>
    /// <exception cref="OperatorException">An option is written twice, or something stands where nothing belongs.</exception>
    internal OperatorText(string text, OperatorEntry entry, string number, string? rest)
    {
        _text = text;
        if (number.Length > 0 && !entry.TakesNumber) throw Wrong($"expected '{entry.Pattern}'");
        if (entry.TakesNumber)
        {
            Number = int.TryParse(number, NumberStyles.None, CultureInfo.InvariantCulture, out var value)
                ? value
                : throw Wrong($"expected '{entry.Pattern}', a number after the name");
        }

        List<string> parts = rest is null ? [] : [.. rest.Split(',')];

        // Options stand at the end; an argument may hold commas, and its first part an equals sign.
        var least = entry.Argument is null ? 0 : 1;
        while (parts.Count > least && parts[^1].Split('=', 2) is [var key, var option] && key.Length > 0 && key.All(c => char.IsAsciiLetterLower(c) || c == '-'))
        {
            if (!_options.TryAdd(key, option)) throw Wrong($"the option '{key}' is written twice");
            parts.RemoveAt(parts.Count - 1);
        }

        Argument = string.Join(',', parts);
        if (entry.Argument is null && rest is not null && parts.Count > 0) throw Wrong($"expected '{entry.Pattern}', found '{Argument}'");
        if (entry.Argument is not null && Argument.Length == 0) throw Wrong($"expected '{entry.Pattern}'");
    }

    /// <summary>The number after the name; 0 without one.</summary>
    public int Number { get; }

    /// <summary>What follows the colon in front of the options; empty without it.</summary>
    public string Argument { get; }

    /// <summary>The number after the name, in a range.</summary>
    /// <exception cref="OperatorException">It is out of range.</exception>
    public int NumberFrom(int least, int most, string what) =>
        Number >= least && Number <= most ? Number : throw Wrong($"the {what} must be from {least} to {most}, found {Number}");

    /// <summary>An option that is a whole number.</summary>
    /// <exception cref="OperatorException">It is no whole number or out of range.</exception>
    public int Whole(string key, int fallback, int least, int most) => WholeOrNull(key, least, most) ?? fallback;

    /// <summary>An option that is a whole number; null when it is not written.</summary>
    /// <exception cref="OperatorException">It is no whole number or out of range.</exception>
    public int? WholeOrNull(string key, int least, int most)
    {
        if (!TryGet(key, out var text)) return null;
        return int.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var value) && value >= least && value <= most
            ? value
            : throw Wrong($"'{key}' must be a whole number from {least} to {most}, found '{text}'");
    }

    /// <summary>An option that is a real number; null when it is not written.</summary>
    /// <exception cref="OperatorException">It is no number or out of range.</exception>
    public double? Real(string key, double least, double most) => TryGet(key, out var text) ? Real(text, $"'{key}'", least, most) : null;

    /// <summary>Reads a real number.</summary>
    /// <exception cref="OperatorException">It is no number or out of range.</exception>
    public double Real(string text, string what, double least, double most) =>
        double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var value) && value >= least && value <= most
            ? value
            : throw Wrong($"{what} must be a number from {Operators.Text.Of(least)} to {Operators.Text.Of(most)}, found '{text}'");

    /// <summary>An option that is a list of numbers with slashes between; null when it is not written.</summary>
    /// <exception cref="OperatorException">One of them is no finite number.</exception>
    public IReadOnlyList<double>? Reals(string key) =>
        TryGet(key, out var text) ? [.. text.Split('/').Select(part => Real(part, $"'{key}'", -1e6, 1e6))] : null;

    /// <summary>An option that is <c>yes</c> or <c>no</c>.</summary>
    /// <exception cref="OperatorException">It is neither.</exception>
    public bool YesNo(string key, bool fallback)
    {
        if (!TryGet(key, out var text)) return fallback;
        return text switch
        {
            "yes" => true,
            "no" => false,
            _ => throw Wrong($"'{key}' must be yes or no, found '{text}'"),
        };
    }

    /// <summary>An option that is one of some words.</summary>
    /// <exception cref="OperatorException">It is none of them.</exception>
    public T Choice<T>(string key, T fallback)
        where T : struct, Enum
    {
        if (!TryGet(key, out var text)) return fallback;
        foreach (var value in Enum.GetValues<T>())
        {
            if (value.ToString().ToLowerInvariant() == text) return value;
        }

        throw Wrong($"'{key}' must be one of {string.Join(", ", Enum.GetNames<T>()).ToLowerInvariant()}, found '{text}'");
    }

    /// <summary>An error about this text.</summary>
    public OperatorException Wrong(string what) => new($"operator '{_text}': {what}");

    /// <summary>Ends reading.</summary>
    /// <exception cref="OperatorException">There is an option that nobody asked for.</exception>
    internal void Finish()
    {
        if (_options.Keys.FirstOrDefault(key => !_asked.Contains(key)) is not { } unknown) return;
        throw Wrong(_asked.Count == 0 ? $"it takes no options, found '{unknown}'" : $"unknown option '{unknown}'{Spelling.Suggest(unknown, _asked)}; it takes {string.Join(", ", _asked.Order())}");
    }

    private bool TryGet(string key, out string text)
    {
        _asked.Add(key);
        return _options.TryGetValue(key, out text!);
    }
}
