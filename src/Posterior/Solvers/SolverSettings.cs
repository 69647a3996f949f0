using System.Collections.Immutable;
using System.Globalization;
using System.Text.Json.Serialization;

namespace Posterior.Solvers;

/// <summary>
/// Settings by name, as a command line gives them: text, read by the solver's <see cref="SolverEntry"/>. What is not given keeps the solver's default.
/// Which names there are, and of which kind, is said by each solver alone.
/// </summary>
[JsonConverter(typeof(SolverSettingsJson))]
public sealed record SolverSettings
{
    private readonly ImmutableSortedDictionary<string, string> _values;

    /// <summary>No settings.</summary>
    public SolverSettings()
        : this(ImmutableSortedDictionary.Create<string, string>(StringComparer.Ordinal))
    {
    }

    private SolverSettings(ImmutableSortedDictionary<string, string> values) => _values = values;

    /// <summary>The setting <c>steps</c>, which most solvers have: the number of steps.</summary>
    public int? Steps
    {
        get => _values.TryGetValue("steps", out var text) && int.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var steps) ? steps : null;
        init => _values = value is { } steps ? _values.SetItem("steps", steps.ToString(CultureInfo.InvariantCulture)) : _values.Remove("steps");
    }

    /// <summary>The values by name, as they were written.</summary>
    public IReadOnlyDictionary<string, string> Values => _values;

    /// <summary>Reads <c>name=value</c> texts.</summary>
    /// <exception cref="SolverOptionsException">A text has another form, or a name is given twice.</exception>
    public static SolverSettings Parse(IEnumerable<string> texts)
    {
        var settings = new SolverSettings();
        foreach (var text in texts)
        {
            var split = text.IndexOf('=', StringComparison.Ordinal);
            if (split < 1 || split == text.Length - 1) throw new SolverOptionsException($"setting '{text}': expected NAME=VALUE, as steps=20");
            settings = settings.With(text[..split].Trim(), text[(split + 1)..].Trim());
        }
        return settings;
    }

    /// <summary>These settings and one more.</summary>
    /// <param name="name">Its name, as <c>eta-b</c>.</param>
    /// <param name="value">Its value as text, under the invariant culture.</param>
    /// <exception cref="SolverOptionsException">The name is given already.</exception>
    public SolverSettings With(string name, string value) => _values.ContainsKey(name)
        ? throw new SolverOptionsException($"setting '{name}' is given twice")
        : new(_values.Add(name, value));

    /// <summary>These settings and a number, if there is one.</summary>
    /// <exception cref="SolverOptionsException">The name is given already.</exception>
    public SolverSettings With<T>(string name, T? value)
        where T : struct, IFormattable => value is { } number ? With(name, number.ToString(null, CultureInfo.InvariantCulture)) : this;

    /// <inheritdoc/>
    public bool Equals(SolverSettings? other) => other is not null && _values.SequenceEqual(other._values);

    /// <inheritdoc/>
    public override int GetHashCode() => _values.Aggregate(0, (hash, pair) => HashCode.Combine(hash, pair.Key, pair.Value));
}
