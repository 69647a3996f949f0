using Posterior.Diffusion;
using Posterior.Imaging;
using Posterior.Operators;
using Posterior.Torch;

namespace Posterior.Training;

/// <summary>Teaches a denoiser for plug-and-play methods: white noise of levels from an interval, which DRUNet is told and DnCNN is not.</summary>
public sealed record DenoiserTask : TrainingTask
{
    /// <summary>Its line in the catalogue; noise levels there are for images in [0, 1].</summary>
    public static TrainingTaskEntry Entry { get; } = TrainingTaskEntry.Of("denoiser", "a denoiser for pnp-admm, red and diffpir", new NamedSettings<DenoiserTask>(new())
        .Text("network", string.Join(", ", RestorerNetworks.Names), task => task.Network, (task, name) => task with { Network = name })
        .Number("sigma-min", task => task.SigmaMin, (task, v) => task with { SigmaMin = v })
        .Number("sigma-max", task => task.SigmaMax, (task, v) => task with { SigmaMax = v })
        .Choice("loss", task => task.Loss, (task, v) => task with { Loss = v }));

    /// <summary>A name of <see cref="RestorerNetworks"/>.</summary>
    public string Network { get; init; } = "drunet-small";

    /// <summary>The least noise level, for images in [0, 1].</summary>
    public double SigmaMin { get; init; }

    /// <summary>The greatest noise level, for images in [0, 1]; the same as the least for a denoiser of one level.</summary>
    public double SigmaMax { get; init; } = 0.2;

    /// <summary>The loss; the squared error makes the network the posterior mean.</summary>
    public RestorerLoss Loss { get; init; } = RestorerLoss.L2;

    /// <inheritdoc/>
    public override TrainingObjective Create(TrainingContext context)
    {
        if (!(SigmaMin >= 0 && SigmaMax >= SigmaMin && SigmaMax > 0 && SigmaMax <= UnitSigma.Max))
            throw new TrainingException(FormattableString.Invariant($"noise levels: expected 0 <= sigma-min <= sigma-max, for images in [0, 1], found {SigmaMin} and {SigmaMax}"));
        var (network, architecture) = RestorerNetworks.Build(Network, new(1, NoiseMap: SigmaMin < SigmaMax, context.Activations, new SeededNoise(context.Seed)));
        return new RestorerObjective(network, architecture, RestorerInput.Picture)
        {
            Operator = new DenoiseSpec(),
            Sigma = (SigmaMin, SigmaMax),
            ErrorLoss = Loss,
            IsDenoiser = true,
            HeldOutSize = 2 * context.Crop,
        };
    }
}
