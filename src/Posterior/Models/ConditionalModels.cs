using System.Text.Json.Nodes;
using Posterior.Diffusion;
using Posterior.Torch.Nn;

namespace Posterior.Models;

/// <summary>Models that are told the measurement, and what their cards say of the measurements of their training.</summary>
public static class ConditionalModels
{
    private const string Families = "families", Noise = "noise";

    /// <summary>The role's settings of a card: names of operator families and the noise of measurements.</summary>
    /// <param name="trained">What the model was trained on.</param>
    public static JsonObject Settings(TrainedDegradations trained) => new()
    {
        [Families] = new JsonArray([.. trained.Families.Select(family => (JsonNode)family)]),
        [Noise] = trained.Noise,
    };

    /// <summary>What a card says that the model was trained on; null when it does not.</summary>
    /// <exception cref="ModelException">The settings are of another form.</exception>
    public static TrainedDegradations? TrainedOn(ModelCard card)
    {
        if (card.RoleSettings is not { } settings) return null;
        var names = settings[Families] is JsonArray families ? families.Select(family => family is JsonValue value && value.TryGetValue(out string? name) ? name : null).ToArray() : [null];
        double? noise = settings[Noise] switch
        {
            null => 0,
            JsonValue value when value.TryGetValue(out double number) => number,
            _ => null,
        };
        return names.Contains(null) || noise is null
            ? throw new ModelException($"the card of {card.Name ?? "the model"}: expected names of operator families as '{Families}' and a number as '{Noise}' of its role")
            : new TrainedDegradations(names!, noise.Value);
    }

    /// <summary>Adapts a network of posterior components.</summary>
    internal static ImagePredictor AdaptComponents(Module network, ModelCard card) => network is IMeasurementConditioned { TakesMeasurement: true } conditioned
        ? new PosteriorComponentsModel(conditioned, card.NativeSize is { } size ? (size, size) : null) { Trained = TrainedOn(card) }
        : throw new ModelException($"expected a network that takes a measurement, found a {card.Network}");

    /// <summary>Adapts a network.</summary>
    internal static ImagePredictor Adapt(Module network, ModelCard card)
    {
        if (network is not IMeasurementConditioned { TakesMeasurement: true } conditioned) throw new ModelException($"expected a network that takes a measurement, found a {card.Network}");
        var schedule = card.Schedule ?? throw new ModelException($"the card of {card.Name ?? "the model"} states no schedule");
        var scalings = ModelSchedules.Preconditioning(schedule) ?? throw new ModelException($"the card of {card.Name ?? "the model"} states a discrete process, a network that takes a measurement is preconditioned");
        var range = (schedule.SigmaMin ?? scalings.SigmaRange.Min, schedule.SigmaMax ?? scalings.SigmaRange.Max);
        return new NetworkConditionalDenoiser(conditioned, scalings, range, card.NativeSize is { } size ? (size, size) : null) { Trained = TrainedOn(card) };
    }
}
