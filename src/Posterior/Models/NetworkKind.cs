using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization.Metadata;
using Posterior.Torch;
using Posterior.Torch.Nn;

namespace Posterior.Models;

/// <summary>An architecture of the catalogue: how to recognise its weights, infer its settings and build it.</summary>
/// <param name="name">What cards and configurations call it.</param>
/// <param name="anchor">A key that its state dicts have, by which they are found inside a checkpoint.</param>
public abstract class NetworkKind(string name, string anchor)
{
    /// <summary>What cards and configurations call it.</summary>
    public string Name => name;

    /// <summary>A key that its state dicts have, by which they are found inside a checkpoint.</summary>
    public string Anchor => anchor;

    /// <summary>Whether names and shapes are those of this architecture.</summary>
    public abstract bool Recognises(TensorShapes shapes);

    /// <summary>All settings: those of shapes and of published defaults, then what <paramref name="overrides"/> say, later ones winning.</summary>
    /// <exception cref="ModelException">The shapes contradict the architecture, or a setting is unknown or of the wrong type.</exception>
    public abstract JsonObject Settings(TensorShapes shapes, params IEnumerable<JsonObject?> overrides);

    /// <summary>Builds the network with zero weights.</summary>
    /// <param name="settings">All settings.</param>
    /// <param name="elements">How many numbers its weights may be: settings come from files of any origin.</param>
    /// <exception cref="ModelException">The settings contradict each other, or ask for more numbers.</exception>
    public abstract Module Build(JsonObject settings, long elements);

    /// <summary>What settings and architecture say about the model: size, channels, classes, process.</summary>
    public abstract ModelCard Describe(JsonObject settings, TensorShapes shapes);

    /// <summary>Writes settings over others of the same names; case and underscores do not count.</summary>
    private protected void Override(JsonObject settings, JsonObject? overrides)
    {
        if (overrides is null) return;
        var known = settings.ToDictionary(setting => Plain(setting.Key), setting => setting.Key);

        // Whoever states a number of heads means it: an inferred width of the heads would win over it.
        if (known.TryGetValue("numheadchannels", out var width) && overrides.Any(pair => Plain(pair.Key) == "numheads")) settings[width] = -1;
        foreach (var (key, value) in overrides)
        {
            if (known.TryGetValue(Plain(key), out var setting) || known.TryGetValue(PublishedArguments.SameAs(Plain(key)), out setting))
            {
                // Nothing, where a number or a list must stand, is what Python's constructors have for "as the others say".
                if (value is not null || TakesNull(setting)) settings[setting] = value?.DeepClone();
            }
            else if (!PublishedArguments.Accept(Name, key, Plain(key), value))
                throw new ModelException($"'{key}' is no setting of {Name}{Spelling.Suggest(key, known.Values)} (settings: {string.Join(", ", known.Values)})");
        }
    }

    /// <summary>Whether a setting may be null.</summary>
    private protected abstract bool TakesNull(string setting);

    private static string Plain(string key) => key.Replace("_", "", StringComparison.Ordinal).Replace("-", "", StringComparison.Ordinal).ToLowerInvariant();
}

/// <summary>An architecture whose settings are of a type.</summary>
/// <typeparam name="TSettings">The settings record.</typeparam>
internal sealed class NetworkKind<TSettings>(
    string name, string anchor, JsonTypeInfo<TSettings> json, Func<TensorShapes, bool> recognises, Func<TensorShapes, TSettings> infer, Func<TSettings, Module> build, Func<TSettings, TensorShapes, ModelCard> describe)
    : NetworkKind(name, anchor)
    where TSettings : class
{
    /// <inheritdoc/>
    public override bool Recognises(TensorShapes shapes) => recognises(shapes);

    /// <inheritdoc/>
    public override JsonObject Settings(TensorShapes shapes, params IEnumerable<JsonObject?> overrides)
    {
        var settings = JsonSerializer.SerializeToNode(infer(shapes), json)!.AsObject();
        foreach (var layer in overrides) Override(settings, layer);
        Read(settings);
        return settings;
    }

    /// <inheritdoc/>
    public override Module Build(JsonObject settings, long elements)
    {
        using var budget = new ElementBudget(elements);
        try
        {
            return build(Read(settings));
        }
        catch (ArgumentException failure)
        {
            throw new ModelException($"{Name}: {failure.Message}", failure);
        }
        // Sizes below 0, or larger than any machine's memory.
        catch (Exception failure) when (failure is TorchException or ArithmeticException)
        {
            throw new ModelException($"{Name}: the settings are those of no network that the weights could be of ({failure.Message})", failure);
        }
    }

    /// <inheritdoc/>
    public override ModelCard Describe(JsonObject settings, TensorShapes shapes) =>
        describe(Read(settings), shapes) with { Network = Name, Settings = settings.DeepClone().AsObject() };

    private protected override bool TakesNull(string setting) => json.Properties.FirstOrDefault(property => property.Name == setting)?.IsSetNullable ?? true;

    private TSettings Read(JsonObject settings)
    {
        try
        {
            return settings.Deserialize(json) ?? throw new ModelException($"the settings of {Name} are null");
        }
        catch (JsonException failure)
        {
            throw new ModelException($"a setting of {Name} has the wrong type: {failure.Message.ReplaceLineEndings(" ")}", failure);
        }
    }
}
