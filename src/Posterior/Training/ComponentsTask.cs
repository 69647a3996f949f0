using Posterior.Networks.Hdit;
using Posterior.Operators;

namespace Posterior.Training;

/// <summary>Teaches a network posterior means and principal directions (NPPC); without directions it is the posterior mean alone (InvFussion Eq. 9).</summary>
public sealed record ComponentsTask : TrainingTask
{
    /// <summary>Its line in the catalogue.</summary>
    public static TrainingTaskEntry Entry { get; } = TrainingTaskEntry.Of("nppc", "posterior mean and principal directions in one evaluation; with directions=0 the mean alone", new NamedSettings<ComponentsTask>(new())
        .Text("network", string.Join(", ", HditSizes.Names), task => task.Network, (task, v) => task with { Network = v })
        .Choice("condition", task => task.Condition, (task, v) => task with { Condition = v })
        .Flag("rescaled", task => task.Rescaled, (task, v) => task with { Rescaled = v })
        .Flag("shared-keys", task => task.SharedKeys, (task, v) => task with { SharedKeys = v })
        .Whole("directions", task => task.Directions, (task, v) => task with { Directions = v })
        .Text("families", "names of operator families with commas; one given twice is drawn twice as often", task => task.Families, (task, v) => task with { Families = v })
        .Number("noise", task => task.MeasurementNoise, (task, v) => task with { MeasurementNoise = v })
        .Number("second-moment", task => task.SecondMoment, (task, v) => task with { SecondMoment = v })
        .Whole("grace", task => task.Grace, (task, v) => task with { Grace = v }));

    /// <summary>A name of <see cref="HditSizes"/>.</summary>
    public string Network { get; init; } = "hdit-thumb";

    /// <summary>What the network is told: the operator, or the pseudo-inverse alone.</summary>
    public MeasurementCondition Condition { get; init; } = MeasurementCondition.Operator;

    /// <summary>Whether feature degradation layers rescale what the pseudo-inverse brings back (<see cref="HditSettings.Rescaled"/>).</summary>
    public bool Rescaled { get; init; } = true;

    /// <summary>Whether keys of the feature degradation layers add those of the main stream (<see cref="HditSettings.SharedKeys"/>).</summary>
    public bool SharedKeys { get; init; } = true;

    /// <summary>K, the number of directions.</summary>
    public int Directions { get; init; } = 5;

    /// <summary>Names of operator families, with commas.</summary>
    public string Families { get; init; } = OperatorFamilies.BoxInpainting.Name;

    /// <summary>The standard deviation of the measurements' noise, for images in [0, 1].</summary>
    public double MeasurementNoise { get; init; }

    /// <summary>The final weight of the lengths' term of <see cref="NppcLoss"/>.</summary>
    public double SecondMoment { get; init; } = 1;

    /// <summary>Steps after which that weight is reached.</summary>
    public int Grace { get; init; } = 1000;

    /// <inheritdoc/>
    public override TrainingObjective Create(TrainingContext context)
    {
        if (Condition == MeasurementCondition.None) throw new TrainingException("condition: expected image or operator, without a measurement there is no posterior");
        if (Directions is < 0 or > 64) throw new TrainingException($"directions: expected 0 to 64, found {Directions}");
        if (!(MeasurementNoise is >= 0 and <= 1)) throw new TrainingException(FormattableString.Invariant($"noise: expected 0 to 1, found {MeasurementNoise}"));
        if (!(SecondMoment >= 0 && double.IsFinite(SecondMoment))) throw new TrainingException(FormattableString.Invariant($"second-moment: expected 0 or more, found {SecondMoment}"));
        if (Grace < 1) throw new TrainingException($"grace: expected a positive number, found {Grace}");
        var families = ConditionalTask.ReadFamilies(Families);
        var seesOperator = Condition == MeasurementCondition.Operator;
        var settings = HditSizes.Find(Network) with { Condition = Condition, Rescaled = Rescaled && seesOperator, SharedKeys = SharedKeys && seesOperator, OutputImages = Directions + 1 };
        // Directions of length 0 have no direction: the outputs start as small random numbers.
        return new ComponentsObjective(HditSizes.Build(settings, context, outputs: 0.1), new RandomMeasurements(families, MeasurementNoise), new NppcLoss(SecondMoment, Grace), context.Crop);
    }
}
