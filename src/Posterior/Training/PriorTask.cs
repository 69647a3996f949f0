using Posterior.Diffusion;
using Posterior.Networks;
using Posterior.Torch;

namespace Posterior.Training;

/// <summary>Teaches a prior of images with the EDM loss.</summary>
public sealed record PriorTask : TrainingTask
{
    /// <summary>Its line in the catalogue.</summary>
    public static TrainingTaskEntry Entry { get; } = TrainingTaskEntry.Of("prior", "a prior of images, with the EDM loss", new NamedSettings<PriorTask>(new())
        .Text("network", string.Join(", ", TrainingNetworks.All.Select(entry => entry.Name)), task => task.Network, (task, name) => task with { Network = name })
        .Number("log-sigma", task => task.Noise.LogMean, (task, v) => task with { Noise = task.Noise with { LogMean = v } })
        .Number("log-deviation", task => task.Noise.LogDeviation, (task, v) => task with { Noise = task.Noise with { LogDeviation = v } })
        .Number("uniform-share", task => task.Noise.UniformShare, (task, v) => task with { Noise = task.Noise with { UniformShare = v } })
        .Number("label-dropout", task => task.LabelDropout, (task, v) => task with { LabelDropout = v }));

    /// <summary>A name of <see cref="TrainingNetworks"/>.</summary>
    public string Network { get; init; } = "photo-unet";

    /// <summary>The noise levels.</summary>
    public NoiseLevels Noise { get; init; } = new();

    /// <summary>The share of images whose class is withheld, for class-conditional networks.</summary>
    public double LabelDropout { get; init; } = 0.1;

    /// <inheritdoc/>
    public override TrainingObjective Create(TrainingContext context)
    {
        if (!(LabelDropout is >= 0 and <= 1)) throw new TrainingException($"label-dropout: expected 0 to 1, found {LabelDropout}");
        Noise.Check();
        var network = new PhotoUNet(TrainingNetworks.Find(Network, context.Classes)) { ActivationType = context.Activations };
        context.RequireCropFor(network, network.SizeMultiple);
        network.Initialise(new SeededNoise(context.Seed));
        return new PriorObjective(network, new EdmPreconditioning()) { Noise = Noise, LabelDropout = LabelDropout };
    }
}
