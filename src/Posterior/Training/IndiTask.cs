using Posterior.Models;

namespace Posterior.Training;

/// <summary>Teaches a model of blends of images and their measurements (InDI, Delbracio, Milanfar 2023). Noise levels are for images in [0, 1].</summary>
public sealed record IndiTask : TrainingTask
{
    /// <summary>Its line in the catalogue.</summary>
    public static TrainingTaskEntry Entry { get; } = TrainingTaskEntry.Of("indi", "a model that reverses a blend of image and measurement, for --solver indi", new NamedSettings<IndiTask>(new())
        .Text("degradation", "a degradation by severity, as severity-blur:max=1.5", task => task.Degradation, (task, text) => task with { Degradation = text })
        .Number("sigma", task => task.Sigma, (task, v) => task with { Sigma = v })
        .Number("epsilon", task => task.Epsilon, (task, v) => task with { Epsilon = v })
        .Text("network", string.Join(", ", ReversalNetworks.Names), task => task.Network, (task, name) => task with { Network = name })
        .Whole("width", task => task.Width, (task, v) => task with { Width = v })
        .Whole("blocks", task => task.Blocks, (task, v) => task with { Blocks = v }));

    /// <summary>The degradation, at its full severity.</summary>
    public string Degradation { get; init; } = "severity-blur:max=1.5,size=31";

    /// <summary>The noise of the measurements.</summary>
    public double Sigma { get; init; } = 0.05;

    /// <summary>The fresh noise at t = 1; 0 for none.</summary>
    public double Epsilon { get; init; }

    /// <summary><c>ncsnpp</c>, as in the paper, or a name of <see cref="TrainingNetworks"/>: with <c>--from photo</c> the training starts from what the prior knows.</summary>
    public string Network { get; init; } = ReversalNetworks.Song;

    /// <summary>The width of NCSN++'s finest level: 8, 12, 16 or a multiple of 32.</summary>
    public int Width { get; init; } = 32;

    /// <summary>Residual blocks of each level of NCSN++.</summary>
    public int Blocks { get; init; } = 2;

    /// <inheritdoc/>
    public override TrainingObjective Create(TrainingContext context)
    {
        if (!(Sigma is >= 0 and <= 2 && Epsilon is >= 0 and <= 2)) throw new TrainingException($"sigma and epsilon: expected 0 to 2, found {Sigma} and {Epsilon}");
        var card = new BlendCard { Degradation = DiracTask.Canonical(Degradation), Sigma = Sigma, Epsilon = Epsilon };
        ReversalNetworks.Checked(() => new ReverserCard { Degradation = card.Degradation }, context.Crop);
        return new IndiObjective(ReversalNetworks.Create(Network, Width, Blocks, context), card, context.Crop);
    }
}
