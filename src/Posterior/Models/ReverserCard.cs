using System.Text.Json;
using Posterior.Diffusion;
using Posterior.Imaging;
using Posterior.Operators;
using Posterior.Torch.Nn;

namespace Posterior.Models;

/// <summary>What a card says of a model that reverses a degradation: the process of its training, and where to stop. Noise levels are for images in [0, 1].</summary>
public sealed record ReverserCard
{
    /// <summary>The role of such models in a card.</summary>
    public const string Role = "reverser";

    /// <summary>The degradation at its full severity, as a text form of the catalogue.</summary>
    public required string Degradation { get; init; }

    /// <summary>The times of the severity schedule; null for a linear one.</summary>
    public IReadOnlyList<double>? Times { get; init; }

    /// <summary>The severity at each time; null for a linear one.</summary>
    public IReadOnlyList<double>? Severities { get; init; }

    /// <summary>The noise at t = 0.</summary>
    public double SigmaMin { get; init; } = 0.01;

    /// <summary>The noise at t = 1, that of the measurement.</summary>
    public double SigmaMax { get; init; } = 0.05;

    /// <summary>Where to stop; null until it was measured.</summary>
    public StoppingPoints? Stops { get; init; }

    /// <summary>The process.</summary>
    /// <exception cref="ModelException">The degradation or the schedule makes no sense.</exception>
    public SeverityProcess Process()
    {
        try
        {
            return new(
                OperatorCatalog.Parse(Degradation) as SeveritySpec ?? throw new ModelException($"the degradation '{Degradation}' has no severities"),
                Times is null && Severities is null ? SeveritySchedule.Linear : new(Times ?? [], Severities ?? []));
        }
        catch (OperatorException failure)
        {
            throw new ModelException(failure.Message, failure);
        }
    }

    /// <summary>The noise, for images in [-1, 1].</summary>
    /// <exception cref="ModelException">The levels are not positive or fall.</exception>
    public GeometricNoise Noise() => SigmaMin > 0 && SigmaMax >= SigmaMin
        ? new(new UnitSigma(SigmaMin).Signed, new UnitSigma(SigmaMax).Signed)
        : throw new ModelException($"the noise of a degradation process goes from a positive level to one that is not lower, found {SigmaMin} and {SigmaMax}");

    /// <summary>What a card says of its role.</summary>
    /// <exception cref="ModelException">The card says nothing of it, or it cannot be read.</exception>
    public static ReverserCard Of(ModelCard card)
    {
        try
        {
            return card.RoleSettings?.Deserialize(ModelJson.Default.ReverserCard) ?? throw new ModelException($"the card of {card.Name ?? "the model"} says nothing of its degradation (role_settings)");
        }
        catch (JsonException failure)
        {
            throw new ModelException($"the role settings of {card.Name ?? "the model"}: {failure.Message.ReplaceLineEndings(" ")}", failure);
        }
    }

    /// <summary>A card with this role.</summary>
    public ModelCard In(ModelCard card) => card with { Role = Role, RoleSettings = JsonSerializer.SerializeToNode(this, ModelJson.Default.ReverserCard)!.AsObject() };

    internal static ImagePredictor Adapt(Module network, ModelCard card)
    {
        var role = Of(card);
        return network is INoiseConditioned conditioned
            ? new NetworkReverser(conditioned, role.Process(), role.Noise(), role.Stops)
            : throw new ModelException($"expected a network that is told a noise level, found a {card.Network}");
    }
}
