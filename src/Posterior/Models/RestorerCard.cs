using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using Posterior.Diffusion;
using Posterior.Imaging;

namespace Posterior.Models;

/// <summary>What a card says of a network that maps pictures to pictures (<see cref="ModelCard.RoleSettings"/>): as a one-shot restorer, or as a denoiser.</summary>
[JsonUnmappedMemberHandling(JsonUnmappedMemberHandling.Disallow)]
public sealed record RestorerCard
{
    /// <summary>How a measurement becomes the picture that the network takes; <see cref="RestorerInput.Picture"/> unless stated.</summary>
    public RestorerInput Input { get; init; }

    /// <summary>The least and the greatest noise level of the training, for images in [0, 1]; the same number twice for a network of one level.</summary>
    public IReadOnlyList<double>? NoiseLevels { get; init; }

    /// <summary>The operator that the network was trained for, as text.</summary>
    public string? Operator { get; init; }

    /// <summary>The settings of a card.</summary>
    /// <exception cref="ModelException">A setting is unknown or of the wrong type.</exception>
    public static RestorerCard Of(ModelCard card)
    {
        ArgumentNullException.ThrowIfNull(card);
        try
        {
            return card.RoleSettings?.Deserialize(ModelJson.Default.RestorerCard) ?? new();
        }
        catch (JsonException failure)
        {
            throw new ModelException($"the card of {card.Name ?? "the model"}: role_settings: {failure.Message.ReplaceLineEndings(" ")}", failure);
        }
    }

    /// <summary>The settings as a card holds them.</summary>
    public JsonObject ToJson() => JsonSerializer.SerializeToNode(this, ModelJson.Default.RestorerCard)!.AsObject();

    /// <summary>A network as the restorer of its card.</summary>
    /// <param name="network">The network, which stays the caller's.</param>
    /// <param name="card">Its card.</param>
    /// <exception cref="ModelException">The card contradicts itself.</exception>
    public static NetworkRestorer RestorerOf(IRestorationNetwork network, ModelCard card)
    {
        var settings = Of(card);
        if (network.Scale > 1 && settings.Input is RestorerInput.PseudoInverse or RestorerInput.Adjoint)
            throw new ModelException($"the card of {card.Name ?? "the model"} states an input of the image's size, and the network enlarges pictures {network.Scale} times: expected 'measurement'");
        var (black, white) = card.ValueRange switch
        {
            null => (-1.0, 1.0),
            [var low, var high] when high > low => (low, high),
            _ => throw new ModelException($"the value range of {card.Name ?? "the model"} is [{string.Join(", ", card.ValueRange)}]: expected black below white"),
        };
        return new(network, settings.Input, black, white)
        {
            Trained = new(settings.Operator, settings.NoiseLevels is [var least, var greatest] ? (least, greatest) : null),
        };
    }

    /// <summary>A network that removes noise as a denoiser of the levels of its card.</summary>
    /// <inheritdoc cref="RestorerOf"/>
    /// <exception cref="ModelException">The card states no levels or impossible ones, or the network enlarges pictures.</exception>
    public static RestorerDenoiser DenoiserOf(IRestorationNetwork network, ModelCard card)
    {
        if (network.Scale > 1) throw new ModelException($"{card.Name ?? "the model"} enlarges pictures {network.Scale} times: it is no denoiser");
        var range = Of(card).NoiseLevels switch
        {
            [var low, var high] when low >= 0 && high >= low && high <= UnitSigma.Max => (new UnitSigma(low).Signed, new UnitSigma(high).Signed),
            null => throw new ModelException($"the card of {card.Name ?? "the model"} states no noise_levels in its role_settings, for images in [0, 1]: a denoiser needs them"),
            var other => throw new ModelException($"noise_levels of {card.Name ?? "the model"} are [{string.Join(", ", other)}]: expected the least and the greatest, for images in [0, 1]"),
        };
        return new(RestorerOf(network, card), range);
    }
}
