using Posterior.Diffusion;
using Posterior.Torch.Nn;

namespace Posterior.Models;

/// <summary>What a network with its card can be used as: a prior, or a model that some solvers work with. One line each.</summary>
public static class PredictorCatalogue
{
    /// <summary>The role of a network that knows images alone.</summary>
    public const string Prior = "prior";

    /// <summary>The role of a network that restores one degradation in one evaluation; its settings are a <see cref="RestorerCard"/>.</summary>
    public const string Restorer = "restorer";

    /// <summary>The role of a network that is told the measurement, and perhaps the operator: Palette, InvFussion.</summary>
    public const string Conditional = "conditional";

    /// <summary>The role of a network that gives principal directions of a posterior (NPPC): the solver <c>nppc</c>.</summary>
    public const string Components = "components";

    /// <summary>The role of a network that tells images apart and predicts none: its features compare sets of images.</summary>
    public const string Features = "features";

    private static readonly (string Role, Func<Module, ModelCard, ImagePredictor> Adapt)[] _all =
    [
        (Prior, (network, card) => network switch
        {
            INoiseConditioned conditioned => Model.DenoiserOf(conditioned, card),
            IRestorationNetwork restoration => RestorerCard.DenoiserOf(restoration, card),
            _ => throw new ModelException($"expected a denoiser, found a {card.Network}"),
        }),
        (Restorer, (network, card) => network is IRestorationNetwork restoration ? RestorerCard.RestorerOf(restoration, card) : throw new ModelException($"expected a network that maps pictures to pictures, found a {card.Network}")),
        (Conditional, ConditionalModels.Adapt),
        (ReverserCard.Role, ReverserCard.Adapt),
        (BlendCard.Role, BlendCard.Adapt),
        (Components, ConditionalModels.AdaptComponents),
        (Features, (_, card) => throw new ModelException($"expected a model that restores images, found a {card.Network}, which compares them")),
    ];

    /// <summary>Adapts a network to the role that its card states, <see cref="Prior"/> unless stated.</summary>
    /// <param name="network">The network, which stays the caller's.</param>
    /// <param name="card">Its card.</param>
    /// <exception cref="ModelException">The role is unknown, or the network or the card does not fit it.</exception>
    public static ImagePredictor Adapt(Module network, ModelCard card)
    {
        var role = card.Role ?? Prior;
        foreach (var entry in _all)
        {
            if (entry.Role == role) return entry.Adapt(network, card);
        }
        var roles = _all.Select(entry => entry.Role).ToArray();
        throw new ModelException($"the card of {card.Name ?? "the model"} states the role '{role}'{Spelling.Suggest(role, roles)} (roles: {string.Join(", ", roles)})");
    }
}
