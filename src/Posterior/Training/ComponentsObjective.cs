using Posterior.Diffusion;
using Posterior.Imaging;
using Posterior.Metrics;
using Posterior.Models;
using Posterior.Networks.Hdit;
using Posterior.Operators;
using Posterior.Torch;

namespace Posterior.Training;

/// <summary>
/// Teaches posterior means (InvFussion Eq. 9) and principal directions (NPPC) in one network: the squared error of the mean, and <see cref="NppcLoss"/> on the error of that mean,
/// which is a constant for the directions.
/// </summary>
/// <param name="network">The network, whose first output image is the mean; it becomes the objective's.</param>
/// <param name="measurements">The operators and the noise.</param>
/// <param name="loss">The loss of the directions.</param>
/// <param name="crop">Height and width of training crops.</param>
public sealed class ComponentsObjective(HditNetwork network, RandomMeasurements measurements, NppcLoss loss, int crop) : TrainingObjective(network)
{
    private const int HeldOutImages = 96;

    private readonly int _directions = network.Settings.OutputImages - 1;

    /// <inheritdoc/>
    public override string QualityName => _directions > 0 ? "held-out share of the error's energy in the directions" : "held-out posterior mean, dB";

    /// <summary>The network as it is, as a model.</summary>
    public PosteriorComponentsModel Model { get; } = new(network, (crop, crop));

    /// <inheritdoc/>
    public override Tensor Loss(TrainingBatch batch)
    {
        using var scope = new Scope();
        using var operators = measurements.Operators(batch);
        var (mean, raw) = Model.Raw(measurements.Measure(operators, batch));
        // Over the variance of images, so that 1 is the error of a constant guess.
        var squared = (mean - batch.Clean).Square().Mean([1, 2, 3]) * (1 / (network.Settings.SigmaData * network.Settings.SigmaData));
        return scope.Keep(_directions == 0 ? squared : squared + loss.Combine(NppcLoss.Evaluate(raw, batch.Clean, mean.Detach()), batch.First / batch.Count));
    }

    /// <inheritdoc/>
    public override double Quality(TrainingImages heldOut)
    {
        using var scope = new Scope();
        var clean = Images(heldOut, HeldOutImages);
        using var operators = measurements.HeldOut(ImageShape.Of(clean), 0, (int)clean.Size(0));
        var components = Of(operators, clean);
        if (_directions > 0) return 1 - NppcLoss.Evaluate(components.Directions, clean, components.Mean).Unexplained.Mean().Item();
        return (components.Mean - clean).Square().Mean([1, 2, 3]).ToArray<float>().Average(square => Psnr.OfSigned(square));
    }

    /// <summary>Four columns of images: originals, pseudo-inverses, means, and the means moved along the first direction.</summary>
    /// <inheritdoc/>
    public override Tensor? Pictures(TrainingImages heldOut, int crop)
    {
        if (heldOut.Count < 4) return null;
        var clean = Images(heldOut, 4);
        using var operators = measurements.HeldOut(ImageShape.Of(clean), 0, 4);
        var components = Of(operators, clean);
        return Tensor.Cat([clean, operators.PseudoInverse(operators.Apply(clean)), components.Mean, _directions > 0 ? components.Walk(0, 3)[0] : components.Mean]);
    }

    /// <inheritdoc/>
    public override ModelCard Describe(ModelCard card) => card with
    {
        Network = "hdit",
        Settings = HditSizes.Card(network.Settings),
        Role = PredictorCatalogue.Components,
        RoleSettings = ConditionalModels.Settings(new TrainedDegradations([.. measurements.Families.Select(family => family.Name).Distinct()], measurements.Noise)),
        Channels = network.ImageChannels,
        ClassCount = 0,
        Schedule = new ScheduleCard { Kind = ScheduleKind.Edm, SigmaData = network.Settings.SigmaData },
    };

    private PrincipalComponents Of(OperatorBatch operators, Tensor clean) =>
        Model.Of(operators, measurements.Measure(operators, clean, new SeededNoise([.. Enumerable.Range(0, (int)clean.Size(0)).Select(i => (ulong)i)])).Y);

    private Tensor Images(TrainingImages heldOut, int most) => Tensor.Cat([.. Enumerable.Range(0, Math.Min(most, heldOut.Count)).Select(i => heldOut.Centre(i, crop))]);
}
