using Posterior.Networks.Features;
using Posterior.Torch;

namespace Posterior.Training;

/// <summary>Teaches a classifier of labelled images, whose features then measure how far sets of images are apart.</summary>
public sealed record ClassifierTask : TrainingTask
{
    /// <summary>Its line in the catalogue.</summary>
    public static TrainingTaskEntry Entry { get; } = TrainingTaskEntry.Of("classifier", "a classifier of labelled images, for the Frechet distance on its features", new NamedSettings<ClassifierTask>(new())
        .Number("label-smoothing", task => task.LabelSmoothing, (task, v) => task with { LabelSmoothing = v })
        .Whole("shift", task => task.Shift, (task, v) => task with { Shift = v }));

    /// <summary>See <see cref="ClassifierObjective.LabelSmoothing"/>.</summary>
    public double LabelSmoothing { get; init; } = 0.1;

    /// <summary>See <see cref="ClassifierObjective.Shift"/>.</summary>
    public int Shift { get; init; } = 4;

    /// <inheritdoc/>
    public override TrainingObjective Create(TrainingContext context)
    {
        if (context.Classes < 2) throw new TrainingException($"a classifier needs images of two or more classes, found {context.Classes} (labels stand in dataset.json, see docs/images.md)");
        if (!(LabelSmoothing is >= 0 and < 1)) throw new TrainingException($"label-smoothing: expected 0 up to 1, found {LabelSmoothing}");
        if (Shift < 0 || Shift >= context.Crop) throw new TrainingException($"shift: expected 0 to {context.Crop - 1}, found {Shift}");
        var network = new ResidualClassifier(new() { Classes = context.Classes }) { ActivationType = context.Activations };
        context.RequireCropFor(network, network.SizeMultiple);
        network.Initialise(new SeededNoise(context.Seed));
        return new ClassifierObjective(network) { LabelSmoothing = LabelSmoothing, Shift = Shift };
    }
}
