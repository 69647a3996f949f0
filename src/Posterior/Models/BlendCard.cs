using System.Text.Json;
using Posterior.Diffusion;
using Posterior.Imaging;
using Posterior.Operators;
using Posterior.Torch.Nn;

namespace Posterior.Models;

/// <summary>What a card says of a model that reverses a blend. Noise levels are for images in [0, 1].</summary>
public sealed record BlendCard
{
    /// <summary>The role of such models in a card.</summary>
    public const string Role = "blend-reverser";

    /// <summary>The operator of the training, as a text form of the catalogue.</summary>
    public required string Degradation { get; init; }

    /// <summary>The noise of the measurements of the training.</summary>
    public double Sigma { get; init; } = 0.05;

    /// <summary>The fresh noise at t = 1; 0 for none.</summary>
    public double Epsilon { get; init; }

    /// <summary>A card with this role.</summary>
    public ModelCard In(ModelCard card) => card with { Role = Role, RoleSettings = JsonSerializer.SerializeToNode(this, ModelJson.Default.BlendCard)!.AsObject() };

    /// <summary>What a card says of its role.</summary>
    /// <exception cref="ModelException">The card says nothing of it, or it cannot be read.</exception>
    public static BlendCard Of(ModelCard card)
    {
        try
        {
            return card.RoleSettings?.Deserialize(ModelJson.Default.BlendCard) ?? throw new ModelException($"the card of {card.Name ?? "the model"} says nothing of its degradation (role_settings)");
        }
        catch (JsonException failure)
        {
            throw new ModelException($"the role settings of {card.Name ?? "the model"}: {failure.Message.ReplaceLineEndings(" ")}", failure);
        }
    }

    internal static ImagePredictor Adapt(Module network, ModelCard card)
    {
        var role = Of(card);
        if (network is not INoiseConditioned conditioned) throw new ModelException($"expected a network that is told a time, found a {card.Network}");
        try
        {
            return new NetworkBlendReverser(conditioned, OperatorCatalog.Parse(role.Degradation), role.Sigma, new UnitSigma(role.Epsilon).Signed);
        }
        catch (OperatorException failure)
        {
            throw new ModelException(failure.Message, failure);
        }
    }
}
