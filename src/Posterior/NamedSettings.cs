using System.Globalization;

namespace Posterior;

/// <summary>A setting by name, as a command line has it: of a solver, or of a training's task.</summary>
/// <param name="Name">The name on the command line, as <c>eta-b</c>.</param>
/// <param name="Default">The default as text.</param>
/// <param name="Kind">What it is: <c>a whole number</c>, <c>a number</c>, <c>yes or no</c>, or the names that there are.</param>
public sealed record NamedSetting(string Name, string Default, string Kind);

/// <summary>The settings of a record by name, with their defaults, and how their texts reach the record.</summary>
/// <typeparam name="T">The record whose properties are the settings.</typeparam>
/// <param name="Default">The record with its defaults.</param>
public sealed record NamedSettings<T>(T Default)
    where T : class
{
    private (NamedSetting Setting, Func<T, string, T> Apply, Func<T, string>? Read)[] Entries { get; init; } = [];

    /// <summary>The settings that there are.</summary>
    public IReadOnlyList<NamedSetting> All => [.. Entries.Select(entry => entry.Setting)];

    /// <summary>The value of each setting that can be read off a record: all but those that name several at once, or whose default follows from something else.</summary>
    public IEnumerable<(string Name, string Value)> Values(T record) => Entries.Where(entry => entry.Read is not null).Select(entry => (entry.Setting.Name, entry.Read!(record)));

    /// <summary>Adds a setting that is a whole number.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="get">Reads it off the record.</param>
    /// <param name="set">The record with another value.</param>
    public NamedSettings<T> Whole(string name, Func<T, int> get, Func<T, int, T> set) =>
        With(name, SettingText.Whole, record => SettingText.Write(get(record)), (record, text) => set(record, SettingText.ReadWhole(text)));

    /// <summary>Adds a setting that is a number.</summary>
    /// <inheritdoc cref="Whole"/>
    public NamedSettings<T> Number(string name, Func<T, double> get, Func<T, double, T> set) =>
        With(name, SettingText.Number, record => SettingText.Write(get(record)), (record, text) => set(record, SettingText.ReadNumber(text)));

    /// <summary>Adds a setting that is a number, and whose default follows from something else.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="set">The record with a value.</param>
    public NamedSettings<T> Number(string name, Func<T, double, T> set) =>
        With(new(name, "auto", SettingText.Number), null, (record, text) => set(record, SettingText.ReadNumber(text)));

    /// <summary>Adds a setting that is yes or no.</summary>
    /// <inheritdoc cref="Whole"/>
    public NamedSettings<T> Flag(string name, Func<T, bool> get, Func<T, bool, T> set) =>
        With(name, SettingText.Flag, record => SettingText.Write(get(record)), (record, text) => set(record, SettingText.ReadFlag(text)));

    /// <summary>Adds a setting that is one of the names of an enumeration.</summary>
    /// <inheritdoc cref="Whole"/>
    public NamedSettings<T> Choice<TEnum>(string name, Func<T, TEnum> get, Func<T, TEnum, T> set)
        where TEnum : struct, Enum =>
        With(name, string.Join(", ", Enum.GetValues<TEnum>().Select(SettingText.NameOf)), record => SettingText.NameOf(get(record)), (record, text) => set(record, SettingText.ReadChoice<TEnum>(text)));

    /// <summary>Adds a setting that names several at once; those that follow override it.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="names">The names that there are, the default first.</param>
    /// <param name="set">The record with a value.</param>
    public NamedSettings<T> Preset(string name, IReadOnlyList<string> names, Func<T, string, T> set) => With(new(name, names[0], string.Join(", ", names)), null, set);

    /// <summary>Adds a setting that is a text of its own form, as the text of an operator; <paramref name="set"/> throws <see cref="FormatException"/> for another one.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="kind">What it is, in words that go on a message.</param>
    /// <param name="get">Reads it off the record.</param>
    /// <param name="set">The record with another value.</param>
    public NamedSettings<T> Text(string name, string kind, Func<T, string> get, Func<T, string, T> set) => With(name, kind, get, set);

    /// <summary>The record with settings.</summary>
    /// <param name="values">Texts by name; names that are no setting are the caller's to refuse.</param>
    /// <param name="problems">Gets one clause for each text that is no value of its kind.</param>
    public T Apply(IReadOnlyDictionary<string, string> values, ICollection<string> problems)
    {
        var record = Default;
        foreach (var (setting, apply, _) in Entries)
        {
            if (!values.TryGetValue(setting.Name, out var text)) continue;
            try
            {
                record = apply(record, text);
            }
            catch (FormatException)
            {
                problems.Add($"{setting.Name} is '{text}', expected {setting.Kind}");
            }
        }
        return record;
    }

    private NamedSettings<T> With(string name, string kind, Func<T, string> read, Func<T, string, T> apply) => With(new(name, read(Default), kind), read, apply);

    private NamedSettings<T> With(NamedSetting setting, Func<T, string>? read, Func<T, string, T> apply) => this with { Entries = [.. Entries, (setting, apply, read)] };
}

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
