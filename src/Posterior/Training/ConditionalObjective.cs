using Posterior.Diffusion;
using Posterior.Imaging;
using Posterior.Metrics;
using Posterior.Models;
using Posterior.Networks.Hdit;
using Posterior.Operators;
using Posterior.Solvers;
using Posterior.Torch;

namespace Posterior.Training;

/// <summary>Teaches a denoiser that takes measurements (InvFussion Eq. 8): the EDM loss, each image with an operator of its own.</summary>
public sealed class ConditionalObjective : TrainingObjective
{
    // Enough for a mean over operators, few enough for a check every few minutes.
    private const int HeldOutImages = 96, HeldOutBatch = 32;

    private readonly HditNetwork _network;
    private readonly EdmPreconditioning _scalings;
    private readonly EdmLoss _loss;
    private readonly IReadOnlyList<OperatorFamily> _families;
    private readonly int _crop;

    /// <summary>A conditional model's training.</summary>
    /// <param name="network">The network, which takes measurements; it becomes the objective's.</param>
    /// <param name="scalings">EDM's scalings.</param>
    /// <param name="families">The operators; each image draws one of the families.</param>
    /// <param name="crop">Height and width of training crops, for which operators are drawn.</param>
    public ConditionalObjective(HditNetwork network, EdmPreconditioning scalings, IReadOnlyList<OperatorFamily> families, int crop)
        : base(network) => (_network, _scalings, _loss, _families, _crop) = (network, scalings, new EdmLoss(scalings), families, crop);

    /// <summary>The noise levels.</summary>
    public NoiseLevels Noise { get; init; } = new();

    /// <summary>The share of images whose class is withheld.</summary>
    public double LabelDropout { get; init; } = 0.1;

    /// <summary>The standard deviation of the measurements' noise, for images in [0, 1].</summary>
    public double MeasurementNoise { get; init; }

    /// <summary>EDM2's learned weighting of noise levels; null for none. It becomes the objective's.</summary>
    public LearnedUncertainty? Uncertainty { get; init; }

    /// <inheritdoc/>
    public override IEnumerable<(string Name, Tensor Tensor)> ExtraParameters => Uncertainty?.Parameters ?? [];

    /// <inheritdoc/>
    public override string QualityName => "held-out posterior mean (one evaluation at sigma 100), dB";

    /// <summary>The network as it is, as a conditional denoiser.</summary>
    public NetworkConditionalDenoiser Denoiser => new(_network, _scalings, (Noise.Min, Noise.Max), (_crop, _crop));

    private RandomMeasurements Measurements => new(_families, MeasurementNoise);

    /// <inheritdoc/>
    public override Tensor Loss(TrainingBatch batch)
    {
        using var scope = new Scope();
        var draw = DenoisingDraw.Of(batch, Noise, LabelDropout, _network.Classes);
        using var operators = Measurements.Operators(batch);
        var measured = Measurements.Measure(operators, batch);
        var loss = _loss.Evaluate((x, noise) => _network.Forward(x, noise, measured, draw.Labels), batch.Clean, draw.Sigmas, draw.Noise);
        return scope.Keep(Uncertainty?.Weigh(loss, draw.Sigmas) ?? loss);
    }

    /// <summary>The mean PSNR of the posterior mean with fixed operators, in dB.</summary>
    public override double Quality(TrainingImages heldOut)
    {
        var (sum, count) = (0.0, Math.Min(HeldOutImages, heldOut.Count));
        for (var first = 0; first < count; first += HeldOutBatch)
        {
            using var scope = new Scope();
            var clean = Images(heldOut, first, Math.Min(HeldOutBatch, count - first));
            using var operators = Measurements.HeldOut(ImageShape.Of(clean), first, (int)clean.Size(0));
            var error = Mean(operators, clean, first) - clean;
            sum += error.Square().Mean([1, 2, 3]).ToArray<float>().Sum(square => Psnr.OfSigned(square));
        }
        return sum / Math.Max(1, count);
    }

    /// <summary>Four columns of images with their operators: originals, pseudo-inverses, posterior means, samples.</summary>
    /// <inheritdoc/>
    public override Tensor? Pictures(TrainingImages heldOut, int crop)
    {
        if (heldOut.Count < 4) return null;
        var clean = Images(heldOut, 0, 4);
        using var operators = Measurements.HeldOut(ImageShape.Of(clean), 0, 4);
        var measured = Measure(operators, clean, 0);
        var samples = new EdmHeun { Steps = 18 }.Sample(Denoiser.Given(operators, measured.Y), 4, ImageShape.Of(clean), Seeds(0, 4));
        return Tensor.Cat([clean, measured.PseudoInverse, Mean(operators, clean, 0), samples]);
    }

    /// <inheritdoc/>
    public override ModelCard Describe(ModelCard card) => card with
    {
        Network = "hdit",
        Settings = HditSizes.Card(_network.Settings),
        Role = PredictorCatalogue.Conditional,
        RoleSettings = ConditionalModels.Settings(new TrainedDegradations([.. _families.Select(family => family.Name).Distinct()], MeasurementNoise)),
        Channels = _network.ImageChannels,
        ClassCount = _network.Classes,
        Schedule = new ScheduleCard { Kind = ScheduleKind.Edm, SigmaMin = Noise.Min, SigmaMax = Noise.Max, SigmaData = _scalings.SigmaData },
    };

    /// <inheritdoc/>
    public override void Dispose()
    {
        Uncertainty?.Dispose();
        base.Dispose();
    }

    private Tensor Images(TrainingImages heldOut, int first, int count) => Tensor.Cat([.. Enumerable.Range(first, count).Select(i => heldOut.Centre(i, _crop))]);

    private MeasuredBatch Measure(OperatorBatch operators, Tensor clean, int first) => Measurements.Measure(operators, clean, Seeds(first, (int)clean.Size(0)));

    private Tensor Mean(OperatorBatch operators, Tensor clean, int first)
    {
        var y = Measure(operators, clean, first).Y;
        var noise = Seeds(first + 1_000_000, (int)clean.Size(0)).NormalLike(clean);
        return Denoiser.Given(operators, y).Denoise(noise * PosteriorSampling.MmseSigma, PosteriorSampling.MmseSigma);
    }

    private static SeededNoise Seeds(int first, int count) => new([.. Enumerable.Range(first, count).Select(i => (ulong)i)]);
}
