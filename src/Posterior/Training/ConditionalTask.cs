using Posterior.Diffusion;
using Posterior.Networks.Hdit;
using Posterior.Operators;

namespace Posterior.Training;

/// <summary>
/// Teaches a model that takes measurements of random operators: Palette, InvFussion, or with the same network, images and noise the unconditional baseline that they are
/// compared with.
/// </summary>
public sealed record ConditionalTask : TrainingTask
{
    private static readonly string[] _trained = [OperatorFamilies.Patches.Name, OperatorFamilies.MotionBlur.Name, OperatorFamilies.Matrix.Name, OperatorFamilies.Zero.Name];

    /// <summary>The unconditional baseline's line in the catalogue.</summary>
    public static TrainingTaskEntry Baseline { get; } = TrainingTaskEntry.Of("baseline", "the unconditional network that Palette and InvFussion are compared with, with EDM2's loss", Base(MeasurementCondition.None));

    /// <summary>Palette's line in the catalogue.</summary>
    public static TrainingTaskEntry Palette { get; } = TrainingTaskEntry.Of("palette", "a network that takes the pseudo-inverse of a measurement as input", WithOperators(MeasurementCondition.Image));

    /// <summary>InvFussion's line in the catalogue.</summary>
    public static TrainingTaskEntry InvFussion { get; } = TrainingTaskEntry.Of("invfussion", "a network with the operator inside", WithOperators(MeasurementCondition.Operator)
        .Choice("activation", task => task.Activation, (task, v) => task with { Activation = v })
        .Flag("rescaled", task => task.Rescaled, (task, v) => task with { Rescaled = v })
        .Flag("shared-keys", task => task.SharedKeys, (task, v) => task with { SharedKeys = v }));

    /// <summary>A name of <see cref="HditSizes"/>.</summary>
    public string Network { get; init; } = "hdit-thumb";

    /// <summary>What the network is told.</summary>
    public MeasurementCondition Condition { get; init; }

    /// <summary>The activation of feature degradation layers.</summary>
    public MeasurementActivation Activation { get; init; }

    /// <summary>Whether feature degradation layers rescale what the pseudo-inverse brings back (<see cref="Networks.Hdit.HditSettings.Rescaled"/>).</summary>
    public bool Rescaled { get; init; } = true;

    /// <summary>Whether keys of the feature degradation layers add those of the main stream (<see cref="HditSettings.SharedKeys"/>).</summary>
    public bool SharedKeys { get; init; } = true;

    /// <summary>Names of operator families, with commas; each image of a batch draws one of them.</summary>
    public string Families { get; init; } = string.Join(',', _trained);

    /// <summary>The standard deviation of the measurements' noise, for images in [0, 1].</summary>
    public double MeasurementNoise { get; init; }

    /// <summary>The noise levels: EDM2's, and a share of log-uniform ones for the posterior mean at sigma 100 and for solvers that start there.</summary>
    public NoiseLevels Noise { get; init; } = new() { LogMean = -0.8, LogDeviation = 1.6, UniformShare = 0.1 };

    /// <summary>Whether noise levels are weighted by <see cref="LearnedUncertainty"/>.</summary>
    public bool Uncertainty { get; init; } = true;

    /// <summary>The share of images whose class is withheld.</summary>
    public double LabelDropout { get; init; } = 0.1;

    /// <summary>Whether the network learns the data's classes.</summary>
    public bool Classes { get; init; }

    /// <inheritdoc/>
    public override TrainingObjective Create(TrainingContext context)
    {
        if (!(LabelDropout is >= 0 and <= 1)) throw new TrainingException($"label-dropout: expected 0 to 1, found {LabelDropout}");
        if (!(MeasurementNoise is >= 0 and <= 1)) throw new TrainingException($"noise: expected 0 to 1, found {MeasurementNoise}");
        Noise.Check();
        if (Classes && context.Classes == 0) throw new TrainingException("classes: the data have none");
        var families = ReadFamilies(Families);
        var seesOperator = Condition == MeasurementCondition.Operator;
        var settings = HditSizes.Find(Network) with
        {
            Condition = Condition,
            Activation = Activation,
            Rescaled = Rescaled && seesOperator,
            SharedKeys = SharedKeys && seesOperator,
            // One row more, for no class.
            NumClasses = Classes ? context.Classes + 1 : 0,
        };
        var network = HditSizes.Build(settings, context);
        var uncertainty = Uncertainty ? new LearnedUncertainty(context.Seed) : null;
        var scalings = new EdmPreconditioning(settings.SigmaData);
        return Condition == MeasurementCondition.None
            ? new PriorObjective(network, scalings) { Noise = Noise, LabelDropout = LabelDropout, Uncertainty = uncertainty, Architecture = "hdit", ArchitectureSettings = HditSizes.Card(settings) }
            : new ConditionalObjective(network, scalings, families, context.Crop) { Noise = Noise, LabelDropout = LabelDropout, MeasurementNoise = MeasurementNoise, Uncertainty = uncertainty };
    }

    /// <summary>Families by name.</summary>
    /// <exception cref="TrainingException">A name is unknown.</exception>
    internal static IReadOnlyList<OperatorFamily> ReadFamilies(string names)
    {
        try
        {
            return [.. names.Split(',', StringSplitOptions.TrimEntries).Select(OperatorFamilies.Find)];
        }
        catch (OperatorException failure)
        {
            throw new TrainingException($"families: {failure.Message}");
        }
    }

    private static NamedSettings<ConditionalTask> WithOperators(MeasurementCondition condition) => Base(condition)
        .Text("families", "names of operator families with commas; one given twice is drawn twice as often", task => task.Families, (task, v) => task with { Families = v })
        .Number("noise", task => task.MeasurementNoise, (task, v) => task with { MeasurementNoise = v });

    private static NamedSettings<ConditionalTask> Base(MeasurementCondition condition) => new NamedSettings<ConditionalTask>(new() { Condition = condition })
        .Text("network", string.Join(", ", HditSizes.Names), task => task.Network, (task, v) => task with { Network = v })
        .Number("log-sigma", task => task.Noise.LogMean, (task, v) => task with { Noise = task.Noise with { LogMean = v } })
        .Number("log-deviation", task => task.Noise.LogDeviation, (task, v) => task with { Noise = task.Noise with { LogDeviation = v } })
        .Number("uniform-share", task => task.Noise.UniformShare, (task, v) => task with { Noise = task.Noise with { UniformShare = v } })
        .Flag("uncertainty", task => task.Uncertainty, (task, v) => task with { Uncertainty = v })
        .Flag("classes", task => task.Classes, (task, v) => task with { Classes = v })
        .Number("label-dropout", task => task.LabelDropout, (task, v) => task with { LabelDropout = v });
}
